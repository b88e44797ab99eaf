//! What the sandbox can answer a call with. A rule names one of these, so that nothing is guessed from its path.

use serde::Deserialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sample {
    // Billing. By the method and whether the path has an `{id}`: a list, one of it, a new one, a change, an end.
    Customers,
    Products,
    Subscriptions,
    Invoices,
    Payments,
    CheckoutSessions,
    /// The settings of the account: seen, and changed.
    Settings,
    FinanceReport,
    PauseSubscription,
    ResumeSubscription,
    CancelSubscription,
    SendInvoice,
    RefundPayment,

    // A wallet with a balance in every currency of the profile.
    WalletBalance,
    /// A list, one of it, a new one.
    WalletTransactions,
    CashIn,
    CashOut,

    // A panel of social media services, paid from a balance.
    AccountBalance,
    Services,
    PlaceOrder,
    OrderStatus,
    RefillOrder,
    CancelOrders,

    // Top-ups and bills, paid from the same balance.
    DataPlans,
    SmeDataPlans,
    CablePlans,
    ElectricityCompanies,
    CableCustomer,
    MeterHolder,
    BuyAirtime,
    BuyData,
    BuySmeData,
    PayCable,
    BuyElectricity,
    BuyExamPins,
    BuyRechargeCards,
    PurchaseStatus,

    // Gift cards, bought from whoever holds one.
    GiftCards,
    TradeGiftCard,
    GiftCardTrades,

    /// Latchkey's own webhook endpoints of the workspace: nothing made up.
    Webhooks,
}

impl Sample {
    /// Whether it does something to one thing, which the path has to name.
    pub const fn is_of_one(self) -> bool {
        matches!(
            self,
            Self::PauseSubscription
                | Self::ResumeSubscription
                | Self::CancelSubscription
                | Self::SendInvoice
                | Self::RefundPayment
        )
    }
}
