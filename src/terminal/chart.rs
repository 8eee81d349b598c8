//! Curves in blocks: each column of the screen is a bar as high as its value. Read without colour; where there are no
//! data nothing stands, and the axis has a dot.

use meshbook_runtime::value::{Curve, Plot};

use super::look::Look;
use super::{escape, grid};

/// More curves than these are a row each, with a line of blocks.
const MOST: usize = 4;
/// Lines of a curve that is alone, and of one of several.
const ALONE: usize = 8;
const AMONG: usize = 4;
/// A narrower curve would say nothing.
const NARROWEST: usize = 20;
/// A wider one is not read more easily.
const WIDEST: usize = 120;

/// Whether a terminal can show it better than rows do.
pub fn can_draw(plot: &Plot, look: Look) -> bool {
    look.live && plot.curves.len() <= MOST
}

/// The lines of some curves, one below the other, on the same axes.
pub fn lines(plot: &Plot, look: Look, indent: usize) -> Vec<String> {
    let labels = [&plot.high.1, &plot.low.1].map(|label| escape::line(label).into_owned());
    let margin = labels.iter().map(|label| grid::width(label)).max().unwrap_or_default();
    let room = look.width.unwrap_or(WIDEST).saturating_sub(indent + margin + 3).clamp(NARROWEST, WIDEST);
    let points = plot.curves.iter().map(|curve| curve.values.len()).max().unwrap_or_default().max(1);
    // Whole steps: each point is equally wide.
    let places = if points <= room { points * (room / points) } else { room };
    let height = if plot.curves.len() == 1 { ALONE } else { AMONG };
    let mut lines = Vec::new();
    for curve in &plot.curves {
        lines.push(format!("{}  {}", escape::line(&curve.name), look.dim(escape::line(&curve.figures))));
        let values = curve.on(places);
        for row in (0..height).rev() {
            let label = if row + 1 == height { labels[0].as_str() } else { "" };
            let bar = bar(&values, plot, row, height, look);
            let (axis, bar) = (look.dim(if look.symbols { "│" } else { "|" }), look.name(bar.trim_end()));
            lines.push(format!("{label:>margin$} {axis}{bar}").trim_end().to_owned());
        }
        lines.push(format!("{:>margin$} {}", labels[1], look.dim(axis(curve, places, look))));
    }
    let ends = places.saturating_sub("now".len());
    lines.push(look.dim(format!("{:margin$}  {:<ends$}now", "", escape::line(&plot.since))));
    lines
}

/// One line of the bars, counted from below.
fn bar(values: &[Option<f64>], plot: &Plot, row: usize, height: usize, look: Look) -> String {
    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const PLAIN: [char; 9] = [' ', '.', '.', '.', ':', ':', ':', '#', '#'];
    let blocks = if look.symbols { BLOCKS } else { PLAIN };
    let most = height * 8;
    let filled = |value: f64| {
        let (low, high) = (plot.low.0 / 2.0, plot.high.0 / 2.0);
        let share = if high > low { (value / 2.0 - low) / (high - low) } else { 0.5 };
        // The least value is a line too: only where there are no data nothing stands.
        ((share * most as f64).round() as usize).clamp(1, most)
    };
    let cell = |value: &Option<f64>| value.map_or(' ', |value| blocks[filled(value).saturating_sub(row * 8).min(8)]);
    values.iter().map(cell).collect()
}

/// The line below: whole where there are data.
fn axis(curve: &Curve, places: usize, look: Look) -> String {
    let (corner, line, gap) = if look.symbols { ('└', '─', '·') } else { ('+', '-', '.') };
    let cells = curve.on(places).into_iter().map(|value| if value.is_some() { line } else { gap });
    std::iter::once(corner).chain(cells).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(curves: usize) -> Plot {
        let values = (0..20).map(|at| (at != 3).then_some(f64::from(at))).collect();
        let curve = Curve { name: "a\u{1b}[2J".into(), figures: "least 0".into(), values };
        Plot { low: (0.0, "0".into()), high: (19.0, "19".into()), since: "-5m".into(), curves: vec![curve; curves] }
    }

    #[test]
    fn a_curve_reads_without_colour_and_a_gap_is_no_zero() {
        let look = Look { live: true, symbols: true, width: Some(40), ..Look::PLAIN };
        let drawn = lines(&plot(1), look, 0);
        let expected = [
            "a\\u{1b}[2J  least 0",
            "19 │                 ▁▅█",
            "   │               ▃▆███",
            "   │             ▄▇█████",
            "   │          ▂▅████████",
            "   │        ▃▆██████████",
            "   │     ▁▄█████████████",
            "   │    ▅███████████████",
            "   │▁▃▇ ████████████████",
            " 0 └───·────────────────",
            "    -5m              now",
        ];
        assert_eq!(drawn, expected, "{}", drawn.join("\n"));
        let plain = lines(&plot(1), Look { symbols: false, ..look }, 0);
        assert!(plain.iter().all(|line| line.is_ascii()), "{}", plain.join("\n"));
        assert!(can_draw(&plot(4), look) && !can_draw(&plot(5), look) && !can_draw(&plot(1), Look::PLAIN));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 40..=220 {
            let look = Look { live: true, symbols: true, width: Some(width), ..Look::PLAIN };
            for line in lines(&plot(2), look, 2) {
                assert!(grid::width(&line) + 2 <= width, "{line} at {width}");
            }
        }
    }
}
