//! The estimate for a spreadsheet: one record a component, RFC 4180.

use super::{View, how};
use crate::cost::{Line, Range};

const COLUMNS: &str = "part,group,line,region,what,component,quantity,unit,price_usd,monthly_usd,monthly_low_usd,\
                       monthly_high_usd,known,formula,source,section,field,resources";

/// All lines; numbers are plain decimals, and what is unknown is empty with `known` false.
pub(crate) fn render(view: &View<'_>) -> String {
    let mut text = format!("{COLUMNS}\r\n");
    for line in &view.estimate.lines {
        for component in &line.components {
            let cells = record(view, line, component);
            let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
            text += &cells.join(",");
            text += "\r\n";
        }
    }
    text
}

fn record(view: &View<'_>, line: &Line, component: &crate::cost::Component) -> [String; 18] {
    let number = |range: Option<Range>, of: fn(Range) -> rust_decimal::Decimal| {
        range.map_or_else(String::new, |range| of(range).normalize().to_string())
    };
    let resources: Vec<&str> = line
        .resources
        .iter()
        .map(crate::resource::Address::as_str)
        .collect();
    [
        line.part.title().to_owned(),
        line.row.group().to_owned(),
        line.title.clone(),
        line.region.clone(),
        line.detail.clone(),
        component.name.clone(),
        number(component.quantity, |range| range.expected),
        component
            .unit
            .map_or_else(String::new, |unit| unit.plural().to_owned()),
        component
            .price
            .map_or_else(String::new, |price| price.normalize().to_string()),
        number(component.monthly, |range| range.expected),
        number(component.monthly, |range| range.low),
        number(component.monthly, |range| range.high),
        line.unknown.is_none().to_string(),
        how(line, &view.estimate.book),
        line.source.clone().unwrap_or_default(),
        line.section.clone(),
        line.origin.clone(),
        resources.join(" "),
    ]
}

fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}
