//! Each figure of the specification is in the render of `plans/specification.yaml`, or the finding that changed it.

use serde::Deserialize;
use vvbill::render::Format;

use super::plans::files;

/// The figures of a listing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    listing: String,
    file: String,
    figures: Vec<Figure>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Figure {
    Rendered(String),
    Changed { says: String, finding: String },
}

/// Protects: nothing that the specification says is lost on the way into a file without a word.
#[test]
fn each_figure_is_rendered_or_its_finding_is() {
    let listings: Vec<Listing> = serde_yaml::from_str(include_str!("figures.yaml")).unwrap();
    let files = files("specification", Format::ALL);
    let mut missing = Vec::new();
    for listing in listings {
        let file = files.iter().find(|file| file.path == listing.file);
        let file = file.unwrap_or_else(|| panic!("no {}", listing.file));
        let words: Vec<&str> = file.text.split_whitespace().collect();
        let text = words.join(" ");
        for figure in listing.figures {
            let (says, wanted) = match figure {
                Figure::Rendered(text) => (text.clone(), text),
                Figure::Changed { says, finding } => (says, format!("# {finding}: ")),
            };
            if !text.contains(&wanted) {
                missing.push(format!("{}: {}: {says}", listing.listing, file.path));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
