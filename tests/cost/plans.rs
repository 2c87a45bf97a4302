//! The repository's plans, priced in this process.

use std::path::Path;

use rust_decimal::Decimal;
use vvbill::cost::{Book, Estimate, Input, Scope};
use vvbill::spec::{self, Overrides, Spec};
use vvbill::topology;

/// The plan `plans/NAME.yaml` with values set over it.
pub(crate) fn plan(name: &str, sets: &[String]) -> Spec {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    let path = folder.join(format!("{name}.yaml"));
    let overrides = Overrides {
        sets: sets.to_vec(),
        ..Default::default()
    };
    let mut read = |name: &str| std::fs::read(name).map_err(|why| why.to_string());
    spec::load(&path.to_string_lossy(), &overrides, &mut read)
        .unwrap_or_else(|problems| panic!("{name}: {:?}", problems.diagnostics))
        .spec
}

/// Its cost at a built-in book's prices, on a fixed day.
pub(crate) fn estimate(name: &str, sets: &[String], book: &str, scope: Option<&Scope>) -> Estimate {
    let spec = plan(name, sets);
    let book = Book::built_in(book).unwrap().unwrap();
    let desired = topology::desired(&spec).unwrap_or_else(|why| panic!("{name}: {why}"));
    Input {
        spec: &spec,
        desired: &desired,
        book: &book,
        scope: scope.or(book.scope.as_ref()),
        as_of: "2026-11-24".parse().unwrap(),
        load: Decimal::ONE,
    }
    .estimate()
}
