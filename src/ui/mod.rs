//! The portal's pieces: what every page is made of, and nothing that knows about keys.
//!
//! Pieces take plain strings, numbers and structs. An empty string leaves its part out. Times are Unix milliseconds, zones IANA
//! names. Only islands reach the browser; everything else is compiled for the server alone. No piece writes a `style` attribute.
//!
//! Body of every page: [`IconSprite`](icon::IconSprite) once, then a [`Frame`](layout::Frame) or a [`Plain`](layout::Plain).
//!
//! | piece | props |
//! | --- | --- |
//! | [`Icon`](icon::Icon) | `name: IconName`, `class` (sets the size; `size-4` if absent) |
//! | [`Button`](button::Button) | children, `kind`, `size`, `icon`, `button_type`, `name`, `value`, `form`, `formaction`, `busy` (words), `disabled_because` (sentence), `no_validate`, `label` (icon-only) |
//! | [`LinkButton`](button::LinkButton) | children, `href`, `kind`, `size`, `icon`, `dialog`, `create`, `label` |
//! | [`Field`](form::Field) | `label`, `name`, `kind: FieldKind`, `state: FieldState`, `hint`, `id`, `placeholder`, `autocomplete`, `optional`, `required`, `autofocus`, `disabled`, `mono`, `maxlength`, `min`, `max`, `suffix`, `hide_label` |
//! | [`TextArea`](form::TextArea) | as `Field`, with `rows` |
//! | [`Select`](form::Select) | `label`, `name`, `options: Vec<Choice>`, `state`, `hint`, `id`, `optional`, `disabled`, `hide_label` |
//! | [`Checkbox`](form::Checkbox) | `label`, `name`, `value`, `hint`, `checked`, `required`, `disabled`, `error`, `id` |
//! | [`Switch`](form::Switch) | `label`, `name`, `hint`, `checked`, `disabled` |
//! | [`RadioCards`](form::RadioCards) | `legend`, `name`, `cards: Vec<RadioCard>`, `state`, `hint` |
//! | [`ErrorSummary`](form::ErrorSummary) | `errors: Vec<(field id, sentence)>`, `title` |
//! | [`Badge`](badge::Badge), [`StatusBadge`](badge::StatusBadge), [`EnvTag`](badge::EnvTag) | `tone`, `shape`, `word` · `status: Status` · `word`, `live` |
//! | [`KeyPlate`](key_plate::KeyPlate), [`Bitting`](key_plate::Bitting) | `plate: Plate`, `head` · `id`, `head` |
//! | [`Table`](table::Table), [`TableSkeleton`](table::TableSkeleton), [`NoMatch`](table::NoMatch), [`RowMenu`](table::RowMenu) | `caption`, `columns`, `rows`, `plates`, `select` … |
//! | [`Pagination`](pagination::Pagination) | `newer`, `older` (links), `summary` |
//! | [`Filters`](filters::Filters) | children (compact controls), `action`, `active: Vec<ActiveFilter>`, `clear`, `env` |
//! | [`Tabs`](tabs::Tabs) | `label`, `tabs: Vec<Tab>` |
//! | [`Segmented`](segmented::Segmented), [`SegmentedRadios`](segmented::SegmentedRadios) | `label`, `segments: Vec<Segment>` · `legend`, `name`, `options`, `value` |
//! | [`DialogPage`](dialog::DialogPage), [`DialogBody`](dialog::DialogBody), [`DialogFoot`](dialog::DialogFoot) | `title`, `lead` · children · children, `cancel` |
//! | [`QuestionPage`](dialog::QuestionPage) | `question: Question`, `about` (the address of what is asked about), children |
//! | [`Proof`](proof::Proof) | `action` (what it authorises), `factor`, `others`, `submit`, `cancel`, `error`, `danger`, `dialog` |
//! | [`Toasts`](toast::Toasts) | `toasts: Vec<Toast>` |
//! | [`CopyButton`](copy_once::CopyButton) (island) | `target` (an element's id), `label`, `icon_only` |
//! | [`CopyField`](copy_field::CopyField) | `id`, `label`, `value`: for what may be seen again |
//! | [`StoreGuard`](store_guard::StoreGuard) (island) | `secret_id`, `checkbox_id`, `file_name`, `variable` |
//! | [`SecretPanel`](secret_panel::SecretPanel) | `title`, `key_label`, `env`, `live`, `secret`, `variable`, `action`, children ("Try it") |
//! | [`ScopePicker`](scope_picker::ScopePicker) (island) | `groups`, `presets`, `selected`, `name`, `broad_note` |
//! | [`CodeBlock`](code_block::CodeBlock) | `id`, `samples: Vec<Sample>`, `title` |
//! | [`KeyValue`](key_value::KeyValue) | `items: Vec<Fact>` |
//! | [`Stat`](stat::Stat) | `label`, `value`, `unit`, `note`, `href`, `alert` |
//! | [`Sparkline`](chart::Sparkline), [`LineChart`](chart::LineChart), [`BarChart`](chart::BarChart) | `title`, `points` · `title`, `labels`, `series`, `unit` |
//! | [`Meter`](meter::Meter) | `label`, `value`, `max`, `text`, `note` |
//! | [`RelativeTime`](time::RelativeTime), [`AbsoluteTime`](time::AbsoluteTime), [`ExactTime`](time::ExactTime) | `at`, `now`, `zone` · `at`, `zone` |
//! | [`Stepper`](stepper::Stepper) | `label`, `steps: Vec<Step>` |
//! | [`EmptyState`](empty_state::EmptyState) | `text`, `action`, `link` |
//! | [`BannerView`](banner::BannerView), [`Banners`](banner::Banners), [`ActingBarView`](banner::ActingBarView) | `banner: Banner` · `banners: Vec<Banner>` · `bar: ActingBar` |
//! | [`StatementView`](statement::StatementView) | `statement: Statement` (its words: [`Statement::text`](statement::Statement::text)) |
//! | [`Differences`](statement::Differences), [`RiskView`](statement::RiskView) | `rows: Vec<Difference>` · `risk: Risk`, `reasons` |
//! | [`Trace`](trace::Trace) | `steps: Vec<TraceStep>` |
//! | [`Frame`](layout::Frame), [`Plain`](layout::Plain), [`ErrorPage`](layout::ErrorPage) | `page: Page`, children · `title`, children · `kind: ErrorKind` … |

#[cfg(feature = "ssr")]
pub mod layout;

#[cfg(feature = "ssr")]
pub mod button;
#[cfg(feature = "ssr")]
pub mod form;
pub mod icon;

#[cfg(feature = "ssr")]
pub mod badge;
#[cfg(feature = "ssr")]
pub mod key_plate;
#[cfg(feature = "ssr")]
pub mod statement;
#[cfg(feature = "ssr")]
pub mod time;
#[cfg(feature = "ssr")]
pub mod trace;

#[cfg(feature = "ssr")]
pub mod filters;
#[cfg(feature = "ssr")]
pub mod pagination;
#[cfg(feature = "ssr")]
pub mod segmented;
#[cfg(feature = "ssr")]
pub mod stepper;
#[cfg(feature = "ssr")]
pub mod table;
#[cfg(feature = "ssr")]
pub mod tabs;

#[cfg(feature = "ssr")]
pub mod dialog;
#[cfg(feature = "ssr")]
pub mod proof;
pub mod scope_picker;

pub mod copy_once;
pub mod store_guard;

#[cfg(feature = "ssr")]
pub mod copy_field;
#[cfg(feature = "ssr")]
pub mod secret_panel;

#[cfg(feature = "ssr")]
pub mod banner;
#[cfg(feature = "ssr")]
pub mod chart;
#[cfg(feature = "ssr")]
pub mod code_block;
#[cfg(feature = "ssr")]
pub mod empty_state;
#[cfg(feature = "ssr")]
pub mod key_value;
#[cfg(feature = "ssr")]
pub mod meter;
#[cfg(feature = "ssr")]
pub mod stat;
#[cfg(feature = "ssr")]
pub mod toast;

#[cfg(feature = "ssr")]
pub mod gallery;

#[cfg(all(test, feature = "ssr"))]
mod tokens_test;
