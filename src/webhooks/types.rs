//! What endpoints, deliveries and tries can be.

/// What ids begin with.
pub const ENDPOINT_ID: &str = "whe";
pub const SECRET_ID: &str = "whs";
pub const DELIVERY_ID: &str = "dlv";
pub const REPLAY_ID: &str = "rpl";

/// Ways that an event is signed (Standard Webhooks).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signing {
    /// `v1`, HMAC-SHA256 under a secret that both sides know.
    Hmac,
    /// `v1a`: the endpoint knows the public key only.
    Ed25519,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndpointState {
    Enabled,
    /// A person switched it off.
    Disabled,
    /// It failed for days without a success between.
    Failed,
    /// It answered 410.
    Gone,
    Removed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// A try is due, now or later.
    Waiting,
    Delivered,
    /// The schedule is at its end.
    Failed,
    /// The endpoint was not enabled.
    Missed,
    /// The endpoint was removed.
    Dropped,
}

/// What a try was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    Schedule,
    Replay,
    Test,
}

/// A word as it is stored and stands in addresses.
macro_rules! words {
    ($type:ty { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

words!(Signing { Hmac = "hmac", Ed25519 = "ed25519" });
words!(EndpointState {
    Enabled = "enabled",
    Disabled = "disabled",
    Failed = "failed",
    Gone = "gone",
    Removed = "removed",
});
words!(DeliveryState {
    Waiting = "waiting",
    Delivered = "delivered",
    Failed = "failed",
    Missed = "missed",
    Dropped = "dropped",
});
words!(Cause {
    Schedule = "schedule",
    Replay = "replay",
    Test = "test",
});
