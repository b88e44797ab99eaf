//! Charts as SVG from the server. Every chart has a title, three lines of a grid, its last values labelled at their ends, and the
//! numbers as a table. Colour follows meaning, and lines differ by dash as well.

use leptos::prelude::*;

use super::time::number;

/// What a series stands for. Never more than five in a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    Allowed,
    /// Denied by a rule.
    Denied,
    Failed,
    /// A second dimension.
    Second,
    /// The period before, or everything else.
    Before,
}

impl Meaning {
    const fn class(self) -> &'static str {
        match self {
            Self::Allowed => "series-1",
            Self::Denied => "series-2",
            Self::Failed => "series-3",
            Self::Second => "series-4",
            Self::Before => "series-5",
        }
    }

    const fn dash(self) -> Option<&'static str> {
        match self {
            Self::Allowed => None,
            Self::Denied => Some("6 3"),
            Self::Failed => Some("2 3"),
            Self::Second => Some("10 3 2 3"),
            Self::Before => Some("1 4"),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub name: String,
    pub meaning: Meaning,
    /// One for each label of the chart.
    pub points: Vec<f64>,
}

impl Series {
    pub fn new(name: impl Into<String>, meaning: Meaning, points: Vec<f64>) -> Self {
        Self {
            name: name.into(),
            meaning,
            points,
        }
    }
}

/// The height of the plot, in pixels, and the room above its top line.
const HEIGHT: f64 = 160.0;
const TOP: f64 = 8.0;

/// A line without axes, for a table row or a stat. The words beside it say the number; the title says what it is.
#[component]
pub fn Sparkline(
    /// "Requests in the last 24 hours, by hour".
    #[prop(into)]
    title: String,
    points: Vec<f64>,
    #[prop(default = Meaning::Allowed)] meaning: Meaning,
) -> impl IntoView {
    let top = points.iter().copied().fold(0.0, f64::max).max(1.0);
    let width = 100.0 / count_of(points.len().max(1));
    let bars = points
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let height = if *value > 0.0 {
                (value / top * 18.0).max(1.5)
            } else {
                0.75
            };
            let fill = if *value > 0.0 {
                "var(--series)"
            } else {
                "var(--color-control)"
            };
            view! {
                <rect
                    x=percent(width * count_of(index))
                    y=px(20.0 - height)
                    width=percent(width * 0.7)
                    height=px(height)
                    rx="0.5"
                    fill=fill
                />
            }
        })
        .collect_view();
    let class = format!("chart h-5 w-20 shrink-0 {}", meaning.class());
    view! {
        <svg class=class role="img" aria-label=title>
            <title>{title.clone()}</title>
            {bars}
        </svg>
    }
}

/// Lines over time.
#[component]
pub fn LineChart(
    #[prop(into)] title: String,
    /// What stands below the points; the first, the middle and the last are shown.
    labels: Vec<String>,
    series: Vec<Series>,
    /// After every number: "ms".
    #[prop(optional, into)]
    unit: String,
) -> impl IntoView {
    let top = ceiling(
        series
            .iter()
            .flat_map(|series| series.points.iter().copied())
            .fold(0.0, f64::max),
    );
    let lines = series
        .iter()
        .map(|series| {
            let last = series.points.len().saturating_sub(1).max(1);
            let points = series
                .points
                .iter()
                .enumerate()
                .map(|(index, value)| {
                    format!(
                        "{:.2},{:.2}",
                        count_of(index) / count_of(last) * 100.0,
                        height_of(*value, top)
                    )
                })
                .collect::<Vec<_>>()
                .join(" ");
            view! {
                <polyline
                    class=series.meaning.class()
                    points=points
                    fill="none"
                    stroke="var(--series)"
                    stroke-width="2"
                    stroke-linejoin="round"
                    stroke-dasharray=series.meaning.dash()
                    vector-effect="non-scaling-stroke"
                />
            }
        })
        .collect_view();
    let plot = view! {
        <svg width="100%" height=px(HEIGHT) viewBox=format!("0 0 100 {HEIGHT}") preserveAspectRatio="none">
            {lines}
        </svg>
    };
    let ends = series
        .iter()
        .map(|series| {
            let value = series.points.last().copied().unwrap_or(0.0);
            End {
                name: series.name.clone(),
                meaning: series.meaning,
                value,
                y: height_of(value, top),
            }
        })
        .collect();
    figure(title, labels, series, unit, top, plot.into_any(), ends)
}

/// Bars over time, the series stacked.
#[component]
pub fn BarChart(
    #[prop(into)] title: String,
    labels: Vec<String>,
    series: Vec<Series>,
    #[prop(optional, into)] unit: String,
) -> impl IntoView {
    let sums: Vec<f64> = (0..labels.len())
        .map(|index| {
            series
                .iter()
                .map(|series| series.points.get(index).copied().unwrap_or(0.0))
                .sum()
        })
        .collect();
    let top = whole_middle(ceiling(sums.iter().copied().fold(0.0, f64::max)));
    let width = 100.0 / count_of(labels.len().max(1));
    let mut floor = vec![0.0; labels.len()];
    let mut ends = Vec::new();
    let mut bars = Vec::new();
    for one in &series {
        for (index, below) in floor.iter_mut().enumerate() {
            let value = one.points.get(index).copied().unwrap_or(0.0);
            if value > 0.0 {
                let y = height_of(*below + value, top);
                let bottom = height_of(*below, top);
                // A hair between the stacked parts keeps them apart without colour.
                let height = (bottom - y - 1.0).max(1.0);
                bars.push(view! {
                    <rect
                        class=one.meaning.class()
                        x=percent(width * (count_of(index) + 0.15))
                        width=percent(width * 0.7)
                        y=px(y)
                        height=px(height)
                        fill="var(--series)"
                    />
                });
                *below += value;
            }
        }
        let value = one.points.last().copied().unwrap_or(0.0);
        let middle = floor.last().copied().unwrap_or(0.0) - value / 2.0;
        ends.push(End {
            name: one.name.clone(),
            meaning: one.meaning,
            value,
            y: height_of(middle, top),
        });
    }
    figure(title, labels, series, unit, top, bars.into_any(), ends)
}

/// The label at the end of a series.
struct End {
    name: String,
    meaning: Meaning,
    value: f64,
    y: f64,
}

fn figure(
    title: String,
    labels: Vec<String>,
    series: Vec<Series>,
    unit: String,
    top: f64,
    plot: AnyView,
    ends: Vec<End>,
) -> impl IntoView {
    let words = move |value: f64| {
        if unit.is_empty() {
            plain(value)
        } else {
            format!("{} {unit}", plain(value))
        }
    };
    let grid = [1.0, 0.5, 0.0]
        .into_iter()
        .map(|share| {
            let y = height_of(top * share, top);
            view! {
                <line x1="0" x2="100%" y1=px(y) y2=px(y) stroke="var(--color-line)" />
            }
        })
        .collect_view();
    let scale = [1.0, 0.5, 0.0]
        .into_iter()
        .map(|share| {
            view! {
                <text x="100%" y=px(height_of(top * share, top) + 4.0) text-anchor="end" class="fill-ink-3 text-meta">
                    {words(top * share)}
                </text>
            }
        })
        .collect_view();
    let below = axis(&labels);
    let end_labels = spread(ends)
        .into_iter()
        .map(|end| {
            view! {
                <g class=end.meaning.class()>
                    <rect x="0" y=px(end.y - 4.0) width="8" height="8" rx="2" fill="var(--series)" />
                    <text x="14" y=px(end.y + 4.0) class="fill-ink text-meta">
                        {format!("{} {}", end.name, words(end.value))}
                    </text>
                </g>
            }
        })
        .collect_view();
    let heads = series.iter().map(|series| view! { <th scope="col" class="px-2 py-1 text-end font-medium">{series.name.clone()}</th> }).collect_view();
    let rows = labels
        .iter()
        .enumerate()
        .map(|(index, label)| {
            let cells = series
                .iter()
                .map(|series| {
                    let value = series.points.get(index).copied().unwrap_or(0.0);
                    view! { <td class="px-2 py-1 text-end">{words(value)}</td> }
                })
                .collect_view();
            view! {
                <tr class="border-t border-line">
                    <th scope="row" class="py-1 pr-2 text-start font-normal text-ink-2">
                        {label.clone()}
                    </th>
                    {cells}
                </tr>
            }
        })
        .collect_view();
    view! {
        <figure class="chart min-w-0">
            <div class="flex gap-2">
                <svg class="block w-11 shrink-0" height="184" aria-hidden="true">
                    {scale}
                </svg>
                <div class="min-w-0 flex-1">
                    <svg class="block w-full overflow-visible" height="184" role="img" aria-label=title.clone()>
                        <title>{title.clone()}</title>
                        {grid}
                        {plot}
                        {below}
                    </svg>
                </div>
                <svg class="block w-32 shrink-0 max-sm:w-28" height="184" aria-hidden="true">
                    {end_labels}
                </svg>
            </div>
            <details class="mt-1">
                <summary class="inline-flex min-h-6 items-center text-small text-ink-2 underline decoration-control underline-offset-3 hover:text-ink">
                    "Show as table"
                </summary>
                <table class="mt-2 w-full border-collapse text-small tabular-nums">
                    <caption class="sr-only">{title}</caption>
                    <thead>
                        <tr>
                            <th scope="col" class="py-1 pr-2 text-start font-medium">
                                "Time"
                            </th>
                            {heads}
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </details>
        </figure>
    }
}

/// The first, the middle and the last label below the plot.
fn axis(labels: &[String]) -> impl IntoView + use<> {
    let last = labels.len().saturating_sub(1);
    let mut shown = vec![(0, "0", "start", "fill-ink-3 text-meta")];
    if last >= 4 {
        // A narrow chart has no room for a third.
        shown.push((
            last / 2,
            "50%",
            "middle",
            "fill-ink-3 text-meta max-sm:hidden",
        ));
    }
    if last >= 1 {
        shown.push((last, "100%", "end", "fill-ink-3 text-meta"));
    }
    shown
        .into_iter()
        .filter_map(|(index, x, anchor, class)| {
            let label = labels.get(index)?.clone();
            Some(view! {
                <text x=x y="178" text-anchor=anchor class=class>
                    {label}
                </text>
            })
        })
        .collect_view()
}

/// Pushes labels apart until none lies over another.
fn spread(mut ends: Vec<End>) -> Vec<End> {
    const LINE: f64 = 17.0;
    ends.sort_by(|a, b| a.y.total_cmp(&b.y));
    let room = HEIGHT - 4.0;
    let mut lowest = room - LINE * (count_of(ends.len()) - 1.0);
    let mut above = 8.0 - LINE;
    for end in &mut ends {
        end.y = end.y.max(above + LINE).min(lowest.max(above + LINE));
        above = end.y;
        lowest += LINE;
    }
    ends
}

/// The next number that reads well: 1, 2 or 5 times a power of ten.
fn ceiling(highest: f64) -> f64 {
    if highest <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(highest.log10().floor());
    let steps = [1.0, 2.0, 4.0, 5.0, 10.0];
    steps
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= highest)
        .unwrap_or(10.0 * power)
}

/// Bars count things, so that the line halfway up stands at a whole number, too.
fn whole_middle(top: f64) -> f64 {
    if (top / 2.0).fract() > 0.0 {
        top + 1.0
    } else {
        top
    }
}

fn height_of(value: f64, top: f64) -> f64 {
    HEIGHT - (value / top).clamp(0.0, 1.0) * (HEIGHT - TOP)
}

/// A number with separators, and one digit after the point where it is not whole.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "charts show counts and milliseconds, far below 2^53"
)]
fn plain(value: f64) -> String {
    if value.fract().abs() < 0.05 {
        number(value.round().max(0.0) as u64)
    } else {
        format!("{value:.1}")
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a chart has a few hundred points"
)]
fn count_of(n: usize) -> f64 {
    n as f64
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}

fn percent(value: f64) -> String {
    format!("{value:.3}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_ends_at_a_number_that_reads_well() {
        for (highest, top) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (3.0, 4.0),
            (12_408.0, 20_000.0),
            (87.0, 100.0),
        ] {
            assert!((ceiling(highest) - top).abs() < 1e-6);
        }
    }

    #[test]
    fn bars_are_halved_at_a_whole_number() {
        for (top, shown) in [(1.0, 2.0), (2.0, 2.0), (5.0, 6.0), (50.0, 50.0)] {
            assert!((whole_middle(top) - shown).abs() < 1e-6);
        }
    }

    #[test]
    fn labels_at_the_end_do_not_overlap() {
        let ends = (0..5)
            .map(|_| End {
                name: String::new(),
                meaning: Meaning::Allowed,
                value: 0.0,
                y: HEIGHT,
            })
            .collect();
        let placed = spread(ends);
        assert!(placed.windows(2).all(|pair| pair[1].y - pair[0].y >= 16.9));
    }
}
