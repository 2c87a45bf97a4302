//! What the rules find in the plans that come with vvbill.

use jiff::civil::date;
use vvbill::spec::rules::{self, Context};
use vvbill::spec::{self, Loaded, Overrides, Severity, diagnostic};

/// The day on which all of these tests take place.
pub(crate) const TODAY: Context = Context {
    today: date(2026, 11, 22),
};

/// Loads a plan of this repository, by its path from the root.
pub(crate) fn load(plan: &str) -> Loaded {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut read = |name: &str| std::fs::read(format!("{root}/{name}")).map_err(|error| error.to_string());
    spec::load(plan, &Overrides::default(), &mut read)
        .unwrap_or_else(|problems| panic!("{}", problems.render()))
}

/// The specification's findings are what the user is shown first: none may come or go unseen.
#[test]
fn the_specification_shows_each_finding() {
    let loaded = load("plans/specification.yaml");
    let found = rules::check(&loaded, &TODAY);
    insta::assert_snapshot!("specification", diagnostic::render(&found, &loaded.sources));
}

/// The plans to start from can be applied, and what is still said of them is known.
#[test]
fn the_plans_to_start_from_have_no_error() {
    for plan in ["production", "staging", "local"] {
        let loaded = load(&format!("plans/{plan}.yaml"));
        let found = rules::check(&loaded, &TODAY);
        let errors: Vec<_> = found
            .iter()
            .filter(|it| it.severity == Severity::Error)
            .cloned()
            .collect();
        assert!(
            errors.is_empty(),
            "{plan}:\n{}",
            diagnostic::render(&errors, &loaded.sources)
        );
        insta::assert_snapshot!(plan, diagnostic::render(&found, &loaded.sources));
    }
}

/// The plans name the rule behind each change; whoever asks `explain` for it gets an answer.
#[test]
fn plans_name_rules_that_exist() {
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/plans")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for (at, _) in text.match_indices("VV") {
            let code: String = text[at..]
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .collect();
            assert!(rules::explain(&code).is_ok(), "{}: {code}", path.display());
        }
    }
}
