//! Pictures over time as SVG. What they show, and the page around them, is the report's; colours are the page's style sheet's.
//!
//! Plotters draws on whole pixels, so everything is drawn [`SCALE`] times too large and shown at its size by the view box.
//! Each [`Ink`] is drawn in a colour of its own that the style sheet replaces, so that the page can be light or dark.

use super::axis::TimeAxis;
use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::{Cartesian2d, DrawingArea, EmptyElement, IntoDrawingArea, Polygon};
use plotters::series::{AreaSeries, LineSeries};
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle, TextStyle};
use tickloom_types::Side;

const SCALE: i32 = 4;
/// Size of all pictures, and the margins of the plot within, before scaling.
pub(super) const WIDTH: i32 = 1_100;
const LEFT: i32 = 64;
const RIGHT: i32 = 8;
const TOP: i32 = 8;
const BOTTOM: i32 = 22;

/// Where the plot lies within a picture, in units of its view box: left, right, width of the picture.
pub(super) const PLOT: [i32; 3] = [LEFT * SCALE, (WIDTH - RIGHT) * SCALE, WIDTH * SCALE];

/// What a line or mark means; the style sheet gives it its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Text = 1,
    Grid = 2,
    Main = 3,
    Other = 4,
    Fall = 5,
    Buy = 6,
    Sell = 7,
}

impl Ink {
    fn colour(self) -> RGBColor {
        RGBColor(self as u8, 0, 0)
    }

    fn stroke(self, width: u32) -> ShapeStyle {
        self.colour().stroke_width(width)
    }
}

/// What is drawn, later layers over earlier ones.
pub(super) enum Layer {
    /// A line through the points.
    Line(Vec<(i64, f64)>, Ink),
    /// A line with the area between it and zero.
    Area(Vec<(i64, f64)>, Ink),
    /// A triangle at each point: up for a buy, down for a sale.
    Marks(Vec<(i64, f64)>, Side),
}

impl Layer {
    fn points(&self) -> &[(i64, f64)] {
        match self {
            Layer::Line(points, _) | Layer::Area(points, _) | Layer::Marks(points, _) => points,
        }
    }
}

/// How values at the left are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// `1.5M`.
    Amount,
    /// `1500000`.
    Price,
    /// `-25%`.
    Percent,
}

/// Any reason why a picture could not be drawn.
pub(super) type DrawError = Box<dyn std::error::Error + Send + Sync>;

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plot<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<TimeAxis, RangedCoordf64>>;

/// Draws the layers from time `span.0` to `span.1`.
pub(super) fn draw(
    span: (i64, i64),
    height: i32,
    unit: Unit,
    layers: &[Layer],
) -> Result<String, DrawError> {
    let mut svg = String::new();
    {
        let size = (pixels(WIDTH), pixels(height));
        let canvas = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw_on(&canvas, span, unit, layers).map_err(|error| error.to_string())?;
        canvas.present().map_err(|error| error.to_string())?;
    }
    Ok(svg)
}

fn draw_on(
    canvas: &Canvas<'_>,
    span: (i64, i64),
    unit: Unit,
    layers: &[Layer],
) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let (low, high) = bounds(layers);
    let axis = TimeAxis::new(span.0, span.1, 9);
    let mut plot = ChartBuilder::on(canvas)
        .margin_top(TOP * SCALE)
        .margin_right(RIGHT * SCALE)
        .x_label_area_size(BOTTOM * SCALE)
        .y_label_area_size(LEFT * SCALE)
        .build_cartesian_2d(axis, low..high)?;
    let text = Ink::Text.colour();
    let label = TextStyle::from(("sans-serif", 12 * SCALE).into_font()).color(&text);
    plot.configure_mesh()
        .disable_x_mesh()
        .light_line_style(RGBColor(0, 0, 0).mix(0.0))
        .bold_line_style(Ink::Grid.stroke(4))
        .axis_style(Ink::Grid.stroke(4))
        .set_all_tick_mark_size(3 * SCALE)
        .x_label_style(label.clone())
        .y_label_style(label)
        .y_labels(5)
        .y_label_formatter(&|value| format_value(*value, high - low, unit))
        .draw()?;
    for layer in layers {
        draw_layer(&mut plot, layer)?;
    }
    Ok(())
}

fn draw_layer(
    plot: &mut Plot<'_, '_>,
    layer: &Layer,
) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    match layer {
        Layer::Line(points, ink) => {
            plot.draw_series(LineSeries::new(points.iter().copied(), ink.stroke(6)))?;
        }
        Layer::Area(points, ink) => {
            let series = AreaSeries::new(points.iter().copied(), 0.0, ink.colour().mix(0.25));
            plot.draw_series(series.border_style(ink.stroke(5)))?;
        }
        Layer::Marks(points, side) => {
            let (ink, down) = match side {
                Side::Buy => (Ink::Buy, SCALE),
                Side::Sell => (Ink::Sell, -SCALE),
            };
            // The tip touches the price; the mark hangs below it for a buy and stands above it for a sale.
            let triangle = vec![(0, 0), (-4 * SCALE, 8 * down), (4 * SCALE, 8 * down)];
            plot.draw_series(points.iter().map(|point| {
                EmptyElement::at(*point) + Polygon::new(triangle.clone(), ink.colour())
            }))?;
        }
    }
    Ok(())
}

/// Lowest and highest value of all layers with some air; an area reaches to zero.
fn bounds(layers: &[Layer]) -> (f64, f64) {
    let mut low = f64::INFINITY;
    let mut high = f64::NEG_INFINITY;
    for layer in layers {
        if matches!(layer, Layer::Area(..)) {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        for (_, value) in layer.points() {
            (low, high) = (low.min(*value), high.max(*value));
        }
    }
    if low > high {
        return (0.0, 1.0);
    }
    let air = if high > low {
        (high - low) * 0.06
    } else {
        (high.abs() * 0.01).max(1e-9)
    };
    let only_falls = layers.iter().all(|layer| matches!(layer, Layer::Area(..)));
    (
        low - air,
        if only_falls {
            high.max(0.0)
        } else {
            high + air
        },
    )
}

/// A value on the axis, with as many decimals as the shown range needs.
fn format_value(value: f64, range: f64, unit: Unit) -> String {
    let (value, range, suffix) = match unit {
        Unit::Price => (value, range, ""),
        Unit::Percent => (value * 100.0, range * 100.0, "%"),
        Unit::Amount => {
            let size = [(1e9, "B"), (1e6, "M"), (1e3, "k")];
            let reached = size.iter().find(|(size, _)| value.abs() >= *size);
            let shown = reached.filter(|(size, _)| range >= *size / 1_000.0);
            let (size, suffix) = shown.copied().unwrap_or((1.0, ""));
            (value / size, range / size, suffix)
        }
    };
    let decimals = (0..9)
        .find(|n| range * 10_f64.powi(*n) >= 5.0)
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(9);
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    let text = if text == "-0" { "0" } else { text };
    format!("{text}{suffix}")
}

fn pixels(length: i32) -> u32 {
    (length * SCALE).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_decimals_that_they_need() {
        let check = |value, range, expected: &str| {
            assert_eq!(format_value(value, range, Unit::Amount), expected);
        };
        check(1_500_000.0, 2_000_000.0, "1.5M");
        check(2_000_000.0, 2_000_000.0, "2M");
        check(250_000.0, 500_000.0, "250k");
        check(1_000_020.0, 100.0, "1000020");
        check(1.0842, 0.01, "1.084");
        check(0.0, 10.0, "0");
        assert_eq!(format_value(-0.25, 0.5, Unit::Percent), "-25%");
        assert_eq!(format_value(-0.0005, 0.002, Unit::Percent), "-0.05%");
    }

    #[test]
    fn every_ink_is_left_to_the_style_sheet() {
        let line = vec![(0, 1.0), (1_000_000_000, 3.0)];
        let layers = [
            Layer::Line(line.clone(), Ink::Main),
            Layer::Marks(line, Side::Buy),
        ];
        let svg = draw((0, 1_000_000_000), 240, Unit::Amount, &layers).unwrap();
        for ink in [Ink::Text, Ink::Grid, Ink::Main, Ink::Buy] {
            let colour = format!("#{:02X}0000", ink as u8);
            assert!(svg.contains(&colour), "{colour} in {svg}");
        }
    }

    #[test]
    fn nothing_to_draw_is_an_empty_plot() {
        assert!(draw((5, 5), 240, Unit::Amount, &[]).is_ok());
    }
}
