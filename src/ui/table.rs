//! Tables. A table is its own card; its first cell is the row's link; where the table is narrower than 640 px, each row is a card
//! of two lines: the lead and the badge, then two facts. It never scrolls sideways.

use leptos::prelude::*;

use super::{
    button::slug,
    icon::{Icon, IconName},
};

/// Where a column stands when the row is a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slot {
    Lead,
    Badge,
    Fact,
    FactEnd,
    /// A line of its own below the two.
    Wide,
    /// Not on the card.
    #[default]
    Hidden,
}

impl Slot {
    const fn word(self) -> Option<&'static str> {
        match self {
            Self::Lead => Some("lead"),
            Self::Badge => Some("badge"),
            Self::Fact => Some("fact"),
            Self::FactEnd => Some("fact-end"),
            Self::Wide => Some("wide"),
            Self::Hidden => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

/// The head of a column. Built up: `Column::new("Last used").slot(Slot::Fact).sort("?sort=used", None)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    label: String,
    slot: Slot,
    number: bool,
    /// The class of the width from which it is shown; empty if at any.
    from: &'static str,
    sort: Option<(String, Option<Direction>)>,
}

impl Column {
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ..Self::default()
        }
    }

    /// The first column, which carries the row's link.
    pub fn lead(label: impl Into<String>) -> Self {
        Self::new(label).slot(Slot::Lead)
    }

    #[must_use]
    pub fn slot(mut self, slot: Slot) -> Self {
        self.slot = slot;
        self
    }

    /// Right-aligned; figures are tabular everywhere in a table.
    #[must_use]
    pub fn number(mut self) -> Self {
        self.number = true;
        self
    }

    /// Shown where the table is at least 1056 px wide: on a window of 1340 px.
    #[must_use]
    pub fn from_full(mut self) -> Self {
        self.from = "from-full";
        self
    }

    /// Shown where the table itself is at least 800 px wide: beside the rail, from 1080 px.
    #[must_use]
    pub fn from_wide(mut self) -> Self {
        self.from = "from-wide";
        self
    }

    /// Left out between 640 and 800 px (on the card it shows if it has a slot there).
    #[must_use]
    pub fn from_medium(mut self) -> Self {
        self.from = "from-medium";
        self
    }

    /// A link that sorts by this column, and how it is sorted now.
    #[must_use]
    pub fn sort(mut self, href: impl Into<String>, now: Option<Direction>) -> Self {
        self.sort = Some((href.into(), now));
        self
    }
}

/// One row: a cell for each column, in the same order.
#[derive(Default)]
pub struct Row {
    /// Where the first cell leads; empty if nowhere.
    pub href: String,
    /// The value of its tick box; a row without it cannot be ticked.
    pub id: String,
    /// What the tick box is called: "Select Production POS".
    pub select_label: String,
    pub cells: Vec<AnyView>,
    /// Usually a [`RowMenu`].
    pub menu: Option<AnyView>,
}

/// Ticking rows and acting on them together. The bar replaces the page's [`Filters`](super::filters::Filters).
pub struct Bulk {
    /// The id of the bar's form; each ticked row adds `ids=<row id>` to it.
    pub form: String,
    pub action: String,
    /// Buttons; give each a `formaction` where they differ.
    pub buttons: AnyView,
}

/// The table.
#[component]
pub fn Table(
    /// Read out before the table; not seen, as the page's heading stands there.
    #[prop(into)]
    caption: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
    /// Rows hold a plate: 52 px high rather than 40.
    #[prop(optional)]
    plates: bool,
    #[prop(optional_no_strip)] bulk: Option<Bulk>,
) -> impl IntoView {
    let has_menu = rows.iter().any(|row| row.menu.is_some());
    let bulk_form = bulk.as_ref().map(|bulk| bulk.form.clone());
    let head = columns.iter().map(heading).collect_view();
    let body = rows
        .into_iter()
        .map(|row| body_row(&columns, row, bulk_form.as_deref(), has_menu))
        .collect_view();
    view! {
        // The container keeps counters to itself, so what counts the ticked rows lies within it.
        <div class="table-box"><div class="bulk flex flex-col">
            <div class="card">
                <table class="table" data-rows=plates.then_some("plate")>
                    <caption class="sr-only">{caption}</caption>
                    <thead>
                        <tr>
                            {bulk_form
                                .is_some()
                                .then(|| view! { <th scope="col" class="w-10"><span class="sr-only">"Select"</span></th> })}
                            {head}
                            {has_menu.then(|| view! { <th scope="col" class="w-12"><span class="sr-only">"Actions"</span></th> })}
                        </tr>
                    </thead>
                    <tbody data-list>{body}</tbody>
                </table>
            </div>
            {bulk
                .map(|bulk| {
                    view! {
                        <form
                            id=bulk.form
                            method="post"
                            action=bulk.action
                            class="bulk-bar -order-1 mb-4 min-h-11 flex-wrap items-center gap-2 md:min-h-8"
                        >
                            <span class="bulk-count mr-2 font-medium" role="status"></span>
                            {bulk.buttons}
                        </form>
                    }
                })}
        </div></div>
    }
}

fn heading(column: &Column) -> impl IntoView + use<> {
    let end = column.number.then_some("");
    let class = column.from;
    let label = column.label.clone();
    match column.sort.clone() {
        None => view! {
            <th scope="col" class=class data-end=end>
                {label}
            </th>
        }
        .into_any(),
        Some((href, now)) => {
            let (sorted, icon) = match now {
                Some(Direction::Ascending) => (Some("ascending"), Some(IconName::ArrowUp)),
                Some(Direction::Descending) => (Some("descending"), Some(IconName::ArrowDown)),
                None => (None, None),
            };
            view! {
                <th scope="col" class=class data-end=end aria-sort=sorted>
                    <a
                        href=href
                        class=if now.is_some() {
                            "inline-flex min-h-6 items-center gap-1 text-ink"
                        } else {
                            "inline-flex min-h-6 items-center gap-1 hover:text-ink"
                        }
                    >
                        {label}
                        {icon.map(|name| view! { <Icon name=name class="size-3" /> })}
                    </a>
                </th>
            }
            .into_any()
        }
    }
}

fn body_row(
    columns: &[Column],
    row: Row,
    bulk_form: Option<&str>,
    has_menu: bool,
) -> impl IntoView + use<> {
    let mut href = row.href;
    let cells = columns
        .iter()
        .zip(row.cells)
        .enumerate()
        .map(|(index, (column, cell))| {
            let class = column.from;
            let end = column.number.then_some("");
            let slot = column.slot.word();
            if index == 0 {
                let href = std::mem::take(&mut href);
                let inner = if href.is_empty() {
                    cell
                } else {
                    view! {
                        <a class="row-link" href=href>
                            {cell}
                        </a>
                    }
                    .into_any()
                };
                view! {
                    <th scope="row" class=class data-slot=slot data-end=end>
                        {inner}
                    </th>
                }
                .into_any()
            } else {
                view! {
                    <td class=class data-slot=slot data-end=end>
                        {cell}
                    </td>
                }
                .into_any()
            }
        })
        .collect_view();
    let select_label = if row.select_label.is_empty() {
        format!("Select {}", row.id)
    } else {
        row.select_label
    };
    view! {
        <tr>
            {bulk_form
                .map(|form| {
                    view! {
                        <td data-slot="select">
                            {(!row.id.is_empty())
                                .then(|| {
                                    view! {
                                        <input
                                            type="checkbox"
                                            class="check row-select"
                                            name="ids"
                                            value=row.id
                                            form=form.to_owned()
                                            aria-label=select_label
                                            autocomplete="off"
                                        />
                                    }
                                })}
                        </td>
                    }
                })}
            {cells}
            {has_menu
                .then(|| {
                    view! {
                        <td data-slot="menu" data-end="">
                            {row.menu}
                        </td>
                    }
                })}
        </tr>
    }
}

/// The actions of a row, behind three dots: children are links and buttons of class `menu-item`.
#[component]
pub fn RowMenu(
    /// "Actions for Production POS".
    #[prop(into)]
    label: String,
    children: Children,
) -> impl IntoView {
    view! {
        <details class="menu inline-block" data-menu>
            <summary class="btn btn-ghost btn-row btn-icon" aria-label=label.clone() title=label>
                <Icon name=IconName::More />
            </summary>
            <div class="menu-panel top-full right-0 mt-1">{children()}</div>
        </details>
    }
}

/// Rows of the real height while the real ones are on their way. It appears only after 300 ms.
#[component]
pub fn TableSkeleton(
    #[prop(into)] caption: String,
    columns: Vec<Column>,
    #[prop(default = 6)] rows: usize,
    #[prop(optional)] plates: bool,
) -> impl IntoView {
    let head = columns.iter().map(heading).collect_view();
    let body = (0..rows)
        .map(|row| {
            let cells = columns
                .iter()
                .enumerate()
                .map(|(index, column)| {
                    // Uneven widths read as text that is coming.
                    let width = match (index, row % 3) {
                        (0, 0) => "skeleton w-40",
                        (0, 1) => "skeleton w-52",
                        (0, _) => "skeleton w-32",
                        (_, 0) => "skeleton w-16",
                        (_, _) => "skeleton w-20",
                    };
                    view! {
                        <td class=column.from data-slot=column.slot.word()>
                            <span class=width></span>
                        </td>
                    }
                })
                .collect_view();
            view! { <tr>{cells}</tr> }
        })
        .collect_view();
    view! {
        <div class="card table-box" aria-busy="true">
            <table class="table" data-rows=plates.then_some("plate")>
                <caption class="sr-only">{caption}</caption>
                <thead>
                    <tr>{head}</tr>
                </thead>
                <tbody>{body}</tbody>
            </table>
        </div>
    }
}

/// A filter that fits nothing: "No key matches *label: pos*. Clear filters".
#[component]
pub fn NoMatch(
    /// "key", "request".
    #[prop(into)]
    thing: String,
    /// "label: pos".
    #[prop(into)]
    filter: String,
    #[prop(into)] clear: String,
) -> impl IntoView {
    let id = format!("no-match-{}", slug(&thing));
    view! {
        <p id=id class="card px-4 py-6">
            "No "{thing}" matches "<em>{filter}</em>". "<a class="link" href=clear>
                "Clear filters"
            </a>
        </p>
    }
}
