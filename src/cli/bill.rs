//! What a plan makes of the monthly invoice: the estimate of what stands, and of what will stand once it is done.
//!
//! Both are priced from resources: those of the state, with what was found to differ from it, and those that the
//! plan leaves behind. What use decides, and the volumes that pods claim, are as the plan file states them now, on
//! both sides. A replaced resource that still waits for its deletion is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::Error;
use super::exit::Exit;
use super::plan_file;
use crate::cost::budget::Breach;
use crate::cost::difference::Difference;
use crate::cost::{Book, BookError, Estimate, Input};
use crate::plan::{Action, Plan, Verb};
use crate::resource::{AT_CREATION_KEY, Address, Desired, is_unresolved};
use crate::spec::Spec;
use crate::state::{Record, State};

/// A month before and after.
#[derive(Debug)]
pub(crate) struct Bill {
    pub before: Estimate,
    pub after: Estimate,
}

/// What stands before a plan is done, and the prices for it: what a saved plan keeps for its bill.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Prior {
    /// The day on which versions are judged as old or not.
    pub as_of: Date,
    pub prices: Prices,
    /// As resources that are wanted as they are.
    pub standing: Vec<Desired>,
}

/// A price book: a built-in one by its name, another with its text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Prices {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl Bill {
    pub(crate) fn of(spec: &Spec, plan: &Plan, prior: &Prior) -> Result<Self, Error> {
        let book = prior.prices.book()?;
        let estimate = |desired: &[Desired]| {
            let input = Input {
                spec,
                desired,
                book: &book,
                scope: book.scope.as_ref(),
                as_of: prior.as_of,
                load: Decimal::ONE,
            };
            input.estimate()
        };
        Ok(Self {
            before: estimate(&prior.standing),
            after: estimate(&left_behind(plan, &prior.standing)),
        })
    }

    pub(crate) fn difference(&self) -> Difference<'_> {
        Difference::between(&self.before, &self.after)
    }
}

impl Prior {
    /// Of a plan and the state that it was made of; `None` where nothing of it is on anybody's invoice.
    pub(crate) fn of(spec: &Spec, plan: &Plan, state: &State) -> Result<Option<Self>, Error> {
        let standing = standing(plan, state);
        let wanted = plan.actions.iter().map(|action| &action.address);
        let mut all = standing.iter().map(|one| &one.address).chain(wanted);
        if !all.any(|address| address.provider() == "aws") {
            return Ok(None);
        }
        Ok(Some(Self {
            as_of: plan_file::today(),
            prices: Prices::find(&spec.cost.price_book)?,
            standing,
        }))
    }
}

impl Prices {
    /// A built-in book, or a file.
    pub(crate) fn find(name: &str) -> Result<Self, Error> {
        let named = |text| Self {
            name: name.to_owned(),
            text,
        };
        if Book::names().any(|known| known == name) {
            return Ok(named(None));
        }
        let path = Path::new(name);
        if !path.exists() {
            let known: Vec<String> = Book::names().map(|name| format!("`{name}`")).collect();
            return Err(Error::new(format!("there is no price book `{name}`"))
                .because("it is neither a built-in book nor a file")
                .hint(format!("built in are {}", known.join(", "))));
        }
        let bytes = plan_file::read_bounded(path).map_err(|why| Error::reading("price book", path, &why))?;
        let text = String::from_utf8(bytes).map_err(|_| {
            Error::new(format!("the price book `{name}` can't be read")).because("it isn't UTF-8")
        })?;
        Ok(named(Some(text)))
    }

    pub(crate) fn book(&self) -> Result<Book, Error> {
        let usable = |why: BookError| Error::new(why.to_string());
        match &self.text {
            Some(text) => Book::parse(&self.name, text).map_err(usable),
            None => Book::built_in(&self.name)
                .ok_or_else(|| {
                    Error::new(format!("this vvbill has no price book `{}`", self.name))
                        .hint("plan again with this vvbill")
                })?
                .map_err(usable),
        }
    }
}

/// A limit that is exceeded, as what stops a command.
pub(crate) fn over(breach: &Breach) -> Error {
    let error = Error::new(breach.message.clone()).exiting(Exit::OverBudget);
    breach
        .lines
        .iter()
        .fold(error, |error, line| error.because(line.clone()))
}

/// What the state holds, as it was found.
fn standing(plan: &Plan, state: &State) -> Vec<Desired> {
    let drifted = plan.drift.iter().filter(|drift| drift.gone);
    let missing = plan.actions.iter().filter(|action| action.verb == Verb::Create);
    let gone: BTreeSet<&Address> = plan
        .gone
        .iter()
        .chain(drifted.map(|drift| &drift.address))
        .chain(missing.map(|action| &action.address))
        .collect();
    let actions = by_address(plan);
    let records = state.resources.values();
    records
        .filter(|record| !gone.contains(&record.address))
        .map(|record| as_found(record, actions.get(&record.address).copied(), plan))
        .collect()
}

fn by_address(plan: &Plan) -> BTreeMap<&Address, &Action> {
    let actions = plan.actions.iter();
    actions.map(|action| (&action.address, action)).collect()
}

/// A record with what differs from it outside. What only creation took is what it took.
fn as_found(record: &Record, action: Option<&Action>, plan: &Plan) -> Desired {
    let mut properties = record.properties.clone();
    let drifts = plan.drift.iter().filter(|drift| drift.address == record.address);
    for change in drifts.flat_map(|drift| &drift.changes) {
        put(&mut properties, &change.path, &change.after);
    }
    for change in action.into_iter().flat_map(|action| &action.changes) {
        put(&mut properties, &change.path, &change.before);
    }
    let wanted = action.and_then(|action| action.desired.as_ref());
    Desired {
        address: record.address.clone(),
        properties,
        depends_on: record.dependencies.clone(),
        protect: record.protect,
        section: record.section.clone(),
        origin: wanted.map_or_else(|| record.section.clone(), |desired| desired.origin.clone()),
    }
}

/// Sets the value at a JSON pointer, as far as the objects around it exist.
fn put(whole: &mut Value, pointer: &str, value: &Value) {
    let Some((parent, key)) = pointer.rsplit_once('/') else {
        *whole = value.clone();
        return;
    };
    let key = key.replace("~1", "/").replace("~0", "~");
    match whole.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.insert(key, value.clone());
        }
        Some(Value::Array(items)) => {
            let place = key.parse::<usize>().ok().and_then(|index| items.get_mut(index));
            if let Some(place) = place {
                *place = value.clone();
            }
        }
        _ => {}
    }
}

/// What stands once the plan is done: what it doesn't speak of stays.
fn left_behind(plan: &Plan, standing: &[Desired]) -> Vec<Desired> {
    let actions = by_address(plan);
    let known: BTreeSet<&Address> = standing.iter().map(|one| &one.address).collect();
    let stays = standing.iter().filter_map(|found| {
        let Some(action) = actions.get(&found.address) else {
            return Some(found.clone());
        };
        match (&action.desired, action.verb) {
            (_, Verb::Keep) => Some(found.clone()),
            (Some(desired), Verb::Create | Verb::Replace) => Some(desired.clone()),
            (Some(desired), _) => Some(brought_to(found, desired)),
            (None, _) => None,
        }
    });
    let new = plan.actions.iter().filter_map(|action| {
        let is_new = !known.contains(&action.address) && action.verb != Verb::Keep;
        action.desired.clone().filter(|_| is_new)
    });
    stays.chain(new).collect()
}

/// What was found with what is wanted laid over it.
fn brought_to(found: &Desired, desired: &Desired) -> Desired {
    Desired {
        properties: laid_over(&found.properties, &desired.properties),
        depends_on: &found.depends_on | &desired.depends_on,
        ..desired.clone()
    }
}

/// A value that becomes known on the way stays what it is; so does what only creation takes.
fn laid_over(found: &Value, wanted: &Value) -> Value {
    match (found, wanted) {
        (found, wanted) if !found.is_null() && is_unresolved(wanted) => found.clone(),
        (found, Value::Object(wanted)) if wanted.contains_key(AT_CREATION_KEY) => found.clone(),
        (Value::Object(found), Value::Object(wanted)) => {
            let mut both = found.clone();
            for (key, value) in wanted {
                let under = found.get(key).unwrap_or(&Value::Null);
                both.insert(key.clone(), laid_over(under, value));
            }
            Value::Object(both)
        }
        _ => wanted.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::plan::{Drift, Mode, Reason, resolve};
    use crate::resource::Change;
    use crate::spec::{Overrides, load};
    use crate::state::Status;
    use crate::topology;

    /// Staging without what runs on its cluster: all of it stands, and a plan finds nothing to do.
    struct Standing {
        spec: Spec,
        desired: Vec<Desired>,
        state: State,
        plan: Plan,
    }

    impl Standing {
        fn new() -> Self {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
            let mut read = |name: &str| std::fs::read(folder.join(name)).map_err(|why| why.to_string());
            let overrides = Overrides {
                sets: vec!["eks.apply_objects=false".into()],
                ..Overrides::default()
            };
            let spec = load("staging.yaml", &overrides, &mut read).unwrap().spec;
            let desired = topology::desired(&spec).unwrap();
            let mut state = State::new();
            for one in &desired {
                state.resources.insert(one.address.clone(), record(one));
            }
            let actions = desired.iter().map(|one| action(one, Verb::Keep)).collect();
            Self {
                plan: plan(actions),
                spec,
                desired,
                state,
            }
        }

        fn bill(&self) -> Bill {
            let prior = Prior::of(&self.spec, &self.plan, &self.state).unwrap().unwrap();
            Bill::of(&self.spec, &self.plan, &prior).unwrap()
        }

        fn action(&mut self, kind: &str) -> &mut Action {
            let mut actions = self.plan.actions.iter_mut();
            actions.find(|action| action.address.kind() == kind).unwrap()
        }

        /// What each line that changes adds.
        #[track_caller]
        fn check(&self, expect: &[(&str, &str)]) {
            let bill = self.bill();
            let difference = bill.difference();
            let changes: Vec<(String, String)> = difference
                .changes
                .iter()
                .map(|change| {
                    let delta = change
                        .delta
                        .map_or("?".to_owned(), |it| it.normalize().to_string());
                    (change.line().id.clone(), delta)
                })
                .collect();
            let expect: Vec<(String, String)> = expect
                .iter()
                .map(|(id, delta)| ((*id).into(), (*delta).into()))
                .collect();
            assert_eq!(changes, expect);
        }
    }

    /// As the engine records it: references have become values.
    fn record(desired: &Desired) -> Record {
        let known = resolve(&desired.properties, &|of, name| {
            Some(json!(format!("{of}.{name}")))
        });
        Record {
            address: desired.address.clone(),
            kind: desired.address.kind().into(),
            id: "id".into(),
            status: Status::Ready,
            protect: desired.protect,
            properties: known.into_owned(),
            outputs: json!({}),
            dependencies: desired.dependencies(),
            section: desired.section.clone(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn action(desired: &Desired, verb: Verb) -> Action {
        Action {
            address: desired.address.clone(),
            verb,
            reason: Reason::Same,
            id: None,
            changes: Vec::new(),
            before: None,
            desired: Some(desired.clone()),
            create_first: false,
        }
    }

    fn plan(actions: Vec<Action>) -> Plan {
        Plan {
            format_version: crate::plan::FORMAT_VERSION,
            vvbill_version: "test".into(),
            name: "test".into(),
            target: "aws".into(),
            lineage: uuid::Uuid::nil(),
            serial: 1,
            created_at: Timestamp::UNIX_EPOCH,
            mode: Mode::Apply,
            actions,
            drift: Vec::new(),
            gone: Vec::new(),
            retained: Vec::new(),
            observations: BTreeMap::new(),
        }
    }

    /// Protects: what stands costs what `cost` says of the plan that made it, and a second plan changes nothing.
    #[test]
    fn what_stands_costs_what_was_said_when_it_was_made() {
        let mut standing = Standing::new();
        standing.check(&[]);
        let stands = standing.bill().before.total();
        let desired = std::mem::take(&mut standing.desired);
        standing.state = State::new();
        standing.plan = plan(desired.iter().map(|one| action(one, Verb::Create)).collect());
        let made = standing.bill();
        assert_eq!(made.after.total(), stands);
        assert_eq!(made.before.total().exact(), Some(Decimal::ZERO));
    }

    #[test]
    fn a_change_in_place_is_what_it_adds_and_what_only_creation_takes_is_nothing() {
        let mut standing = Standing::new();
        let volumes = standing.action("launch_template");
        assert_eq!(volumes.address.name(), "app-nodes");
        volumes.verb = Verb::Update;
        volumes.desired.as_mut().unwrap().properties["root_volume"]["size_gib"] = json!(200);
        // Three nodes, 100 GiB more each, at 0.08 USD.
        standing.check(&[("volumes/us-east-1/app-nodes", "24")]);

        let mut standing = Standing::new();
        let group = standing.action("eks_node_group");
        group.verb = Verb::Update;
        group.desired.as_mut().unwrap().properties["scaling"]["desired"] = json!({ AT_CREATION_KEY: 9 });
        group.desired.as_mut().unwrap().properties["scaling"]["initial"] = json!({ AT_CREATION_KEY: 9 });
        standing.check(&[]);
    }

    #[test]
    fn what_goes_saves_what_is_gone_costs_nothing_and_what_is_not_spoken_of_stays() {
        let mut standing = Standing::new();
        let gateway = standing.action("nat_gateway");
        gateway.verb = Verb::Delete;
        gateway.desired = None;
        let address = gateway.address.clone();
        // 730 h at 0.045 USD, and 100 GB through it.
        let lines = [
            ("nat-gateways/us-east-1", "-32.85"),
            ("nat-data/us-east-1", "-4.5"),
        ];
        standing.check(&lines);
        assert!(crate::cost::budget::saves(&standing.bill().difference()));

        // Removed outside, and not made again by this plan.
        let mut standing = Standing::new();
        standing.plan.actions.retain(|action| action.address != address);
        standing.check(&[]);
        let all = standing.bill().before.total();
        standing.plan.drift.push(Drift {
            address: address.clone(),
            gone: true,
            changes: Vec::new(),
        });
        standing.check(&[]);
        let known = standing.bill().before.total().known.expected;
        assert_eq!(all.known.expected - known, "37.35".parse().unwrap());

        // `--target` leaves everything else as it is.
        let mut standing = Standing::new();
        standing.plan.actions.clear();
        standing.check(&[]);
        assert_eq!(standing.bill().after.total(), all);
    }

    /// Protects: what somebody changed by hand is what a month costs before, and bringing it back is the change.
    #[test]
    fn drift_is_priced_as_it_was_found() {
        let mut standing = Standing::new();
        let template = standing.action("launch_template");
        template.verb = Verb::Update;
        let (address, found) = (template.address.clone(), json!(150));
        template.changes.push(Change {
            path: "/root_volume/size_gib".into(),
            before: found.clone(),
            after: json!(100),
        });
        standing.check(&[("volumes/us-east-1/app-nodes", "-12")]);
        // Left as it is, it costs as much after as before.
        standing.plan.actions.retain(|action| action.address != address);
        standing.plan.drift.push(Drift {
            address,
            gone: false,
            changes: vec![Change {
                path: "/root_volume/size_gib".into(),
                before: json!(100),
                after: found,
            }],
        });
        standing.check(&[]);
        let bill = standing.bill();
        let line = bill
            .before
            .lines
            .iter()
            .find(|line| line.id == "volumes/us-east-1/app-nodes");
        assert_eq!(line.unwrap().monthly.unwrap().expected, Decimal::from(36));
    }
}
