//! What a drill has shown: its figures against what the plan promises. Pure.

use serde_json::json;

use super::model::{Evidence, How, Measure};
use crate::drill::Outcome;
use crate::drill::outcome::TierFigure;
use crate::spec::Spec;

/// The measured values; a tier that the plan promises nothing of has none.
pub fn measures(outcome: &Outcome, spec: &Spec) -> Vec<Measure> {
    let tiers = outcome.tiers.iter();
    let mut measures: Vec<Measure> = tiers.filter_map(|figure| recovery(figure, spec)).collect();
    let point = spec.success_metrics.recovery_point;
    let promised = match &outcome.moved {
        Some(_) => point.cross_region,
        None => point.in_region,
    };
    if let Some(promised) = promised.or(point.overall) {
        measures.push(Measure::at_most(
            "recovery point in seconds",
            outcome.found.recovery_point_seconds,
            promised.as_std().as_secs_f64(),
        ));
    }
    // What a second region lacks is the recovery point's; when the first is back, nothing is missing for good.
    let found = outcome
        .moved
        .as_ref()
        .map_or(&outcome.found, |moved| &moved.found);
    if outcome.moved.is_some() {
        let doubled = outcome.found.doubled;
        measures.push(Measure::equal(
            "markers that are doubled in the second region",
            doubled,
            0,
        ));
    }
    let background = &outcome.background;
    measures.extend([
        Measure::equal("acknowledged markers that are lost", found.lost, 0),
        Measure::equal("markers that are doubled", found.doubled, 0),
        Measure::equal("events of the load that are lost", background.lost, 0),
        Measure::equal("events of the load that are doubled", background.doubled, 0),
        Measure::equal(
            "accounts of the load whose rows are not what was sent",
            background.wrong_accounts,
            0,
        ),
        Measure::equal(
            "missing after what was struck came back",
            outcome.missing.join("; "),
            "",
        ),
    ]);
    measures
}

/// Passed or failed, with the whole outcome as what there is to look at again.
pub fn evidence(outcome: &Outcome, spec: &Spec) -> Evidence {
    Evidence::of(How::Ran, measures(outcome, spec), json!(outcome))
}

fn recovery(figure: &TierFigure, spec: &Spec) -> Option<Measure> {
    let name = format!(
        "{}: seconds until {} again",
        figure.tier.name(),
        figure.tier.meaning()
    );
    let promised = figure.tier.objective_seconds(spec)?;
    let measure = Measure::at_most(name, figure.recovery.away_seconds, promised);
    Some(Measure {
        // Not back within the patience: it may be a short time after a long list of outages.
        holds: measure.holds && figure.recovery.is_back,
        ..measure
    })
}
