//! Every field of a plan has an effect: changed, it changes a resource, what a rule or a policy says, or a
//! rendered file.
//!
//! Fields that only later parts will read stand in `fields_not_built_yet.txt`, each with the part that will.
//! A listed field that has an effect by now fails the test as much as an unlisted one without.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use vvbill::render::{Format, Input, render};
use vvbill::spec::{self, Spec, rules};
use vvbill::topology;

use super::boundaries;
use super::findings::{TODAY, load};

const LIST: &str = include_str!("fields_not_built_yet.txt");

/// The parts that may be named as the later reader of a field.
const PARTS: [&str; 4] = ["render", "aws", "cost", "rollout"];

/// A step from a plan's root towards a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Field(String),
    /// Any key of a map.
    Any,
    /// Any item of a list.
    Item,
}

/// A field that holds a value of its own, with the schema of that value.
struct Leaf {
    steps: Vec<Step>,
    schema: &'static Value,
}

impl Leaf {
    /// `eks.node_groups.*.taints[].key`
    fn name(&self) -> String {
        let mut name = String::new();
        for step in &self.steps {
            match step {
                Step::Item => name += "[]",
                Step::Field(field) if name.is_empty() => name += field,
                Step::Field(field) => name += &format!(".{field}"),
                Step::Any => name += ".*",
            }
        }
        name
    }
}

impl Leaf {
    /// Whether the steps lead to the field at `path`.
    fn is_at(&self, path: &[String]) -> bool {
        self.steps.len() == path.len()
            && self.steps.iter().zip(path).all(|(step, key)| match step {
                Step::Field(field) => field == key,
                Step::Any => true,
                Step::Item => false,
            })
    }
}

/// Follows references and takes the T of an optional T.
fn resolved(mut schema: &'static Value) -> &'static Value {
    loop {
        if let Some(name) = schema["$ref"].as_str() {
            schema = spec::schema().pointer(name.trim_start_matches('#')).unwrap();
        } else if let Some(form) = schema["anyOf"].as_array().and_then(|forms| forms.first()) {
            schema = form;
        } else {
            return schema;
        }
    }
}

fn leaves() -> Vec<Leaf> {
    let mut found = Vec::new();
    let plan = spec::schema().pointer("/$defs/Plan").unwrap();
    collect(plan, &mut Vec::new(), &mut found);
    // How plans are put together is over when there is a plan.
    found.retain(|leaf| leaf.name() != "extends");
    found
}

fn collect(schema: &'static Value, steps: &mut Vec<Step>, found: &mut Vec<Leaf>) {
    let schema = resolved(schema);
    let mut below = |step: Step, schema: &'static Value| {
        steps.push(step);
        collect(schema, steps, found);
        steps.pop();
    };
    if let Some(fields) = schema["properties"].as_object() {
        for (field, schema) in fields {
            below(Step::Field(field.clone()), schema);
        }
    } else if schema["additionalProperties"].is_object() {
        below(Step::Any, &schema["additionalProperties"]);
    } else if resolved(&schema["items"])["properties"].is_object() {
        below(Step::Item, &schema["items"]);
    } else {
        found.push(Leaf {
            steps: steps.clone(),
            schema,
        });
    }
}

/// A plan that fields are changed in: its values and what follows from them.
struct Subject {
    values: Value,
    effect: String,
    rendered: String,
}

fn subjects() -> Vec<Subject> {
    let own = ["specification", "production", "local"].map(|plan| load(&format!("plans/{plan}.yaml")).spec);
    let bases = ["aws", "local"].map(|base| boundaries::plan(base, &Value::Null).unwrap().spec);
    let subject = |spec: Spec| {
        let mut values = serde_json::to_value(&spec).unwrap();
        // What runs on the clusters is filled into the same templates that are rendered below: once is enough.
        if let Some(eks) = values["eks"].as_object_mut() {
            eks.insert("apply_objects".into(), false.into());
        }
        let effect = effect(&values).unwrap();
        let rendered = rendered(&values).unwrap();
        Subject {
            values,
            effect,
            rendered,
        }
    };
    own.into_iter().chain(bases).map(subject).collect()
}

/// What follows from a plan: findings, resources, and policies that a plan without anything breaks; `None` where the values are no plan.
fn effect(values: &Value) -> Option<String> {
    let spec: Spec = serde_json::from_value(values.clone()).ok()?;
    let found: Vec<_> = rules::findings(&spec, &TODAY)
        .into_iter()
        .map(|it| (it.rule.code, it.paths, it.why, it.fix))
        .collect();
    let broken = spec::broken(&spec.policy, &json!({}));
    Some(format!("{found:?}{broken:?}{:?}", topology::desired(&spec)))
}

/// What a plan is rendered as; `None` where the values are no plan. Findings are told apart by `effect`.
fn rendered(values: &Value) -> Option<String> {
    let spec: Spec = serde_json::from_value(values.clone()).ok()?;
    let input = Input {
        spec: &spec,
        findings: &[],
        state: None,
    };
    // Terraform's files say what `effect` knows already, and take long.
    let formats: Vec<Format> = Format::ALL
        .iter()
        .copied()
        .filter(|format| *format != Format::Terraform)
        .collect();
    Some(format!("{:?}", render(&input, &formats)))
}

/// All places of `values` that the steps lead to, as far as their parents exist; a map without a key gets one.
fn places(values: &Value, steps: &[Step]) -> Vec<Vec<String>> {
    let Some((step, rest)) = steps.split_first() else {
        return vec![Vec::new()];
    };
    let keys: Vec<String> = match (step, values) {
        (Step::Field(field), Value::Object(_)) => vec![field.clone()],
        (Step::Any, Value::Object(map)) => map
            .keys()
            .cloned()
            .chain(["added", "java"].map(str::to_owned))
            .collect(),
        (Step::Item, Value::Array(items)) => (0..items.len()).map(|index| index.to_string()).collect(),
        _ => Vec::new(),
    };
    let below = |key: &String| match values {
        Value::Array(items) => &items[key.parse::<usize>().unwrap()],
        map => &map[key],
    };
    let deeper = |key: String| {
        let ends = if rest.is_empty() {
            vec![Vec::new()]
        } else {
            places(below(&key), rest)
        };
        ends.into_iter().map(move |end| [vec![key.clone()], end].concat())
    };
    keys.into_iter().flat_map(deeper).collect()
}

/// `values` with another value at `place`; `None` takes it away.
fn changed(values: &Value, place: &[String], value: Option<&Value>) -> Value {
    let mut copy = values.clone();
    let (last, parents) = place.split_last().unwrap();
    let parent = parents.iter().fold(&mut copy, |at, key| match at {
        Value::Array(items) => &mut items[key.parse::<usize>().unwrap()],
        map => &mut map[key],
    });
    let fields: &mut Map<String, Value> = parent.as_object_mut().unwrap();
    match value {
        Some(value) => fields.insert(last.clone(), value.clone()),
        None => fields.shift_remove(last),
    };
    copy
}

/// Other values that the schema allows; some of them may still be no plan.
fn candidates(schema: &'static Value, present: &Value) -> Vec<Option<Value>> {
    let mut values: Vec<Option<Value>> = allowed(schema, present).into_iter().map(Some).collect();
    values.push(None);
    values.retain(|value| value.as_ref() != Some(present));
    values
}

fn allowed(schema: &'static Value, present: &Value) -> Vec<Value> {
    let named: Vec<Value> = schema["enum"].as_array().into_iter().flatten().cloned().collect();
    let forms = schema["oneOf"].as_array().into_iter().flatten();
    let named: Vec<Value> = forms
        .flat_map(|form| {
            form["const"]
                .as_str()
                .map(Value::from)
                .into_iter()
                .chain(form["enum"].as_array().into_iter().flatten().cloned())
        })
        .chain(named)
        .collect();
    if !named.is_empty() {
        return named;
    }
    if let Some(extra) = schema["format"].as_str().and_then(texts) {
        let examples = schema["examples"].as_array().into_iter().flatten().cloned();
        return extra.iter().map(|text| json!(text)).chain(examples).collect();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("boolean") => vec![json!(true), json!(false)],
        Some("integer") => {
            let now = present.as_u64().unwrap_or(1);
            let least = schema["minimum"].as_u64().unwrap_or(0);
            let most = schema["maximum"].as_u64().unwrap_or(u64::from(u32::MAX));
            let all = [now + 1, now.saturating_sub(1), now * 2, least, most, 7, 100];
            all.into_iter()
                .filter(|value| (least..=most).contains(value))
                .map(Value::from)
                .collect()
        }
        Some("array") => {
            let items = allowed(resolved(&schema["items"]), &Value::Null);
            std::iter::once(json!([]))
                .chain(items.into_iter().map(|item| json!([item])))
                .collect()
        }
        _ => vec![
            json!("changed"),
            json!("9.9"),
            json!("rate(events_processed_total[1s]) < 1"),
            json!("noeviction NLB"),
        ],
    }
}

/// Texts of each unit, small and large; the schema's examples come on top.
fn texts(format: &str) -> Option<&'static [&'static str]> {
    Some(match format {
        "vvbill-duration" => &["0s", "1ms", "7s", "11m", "5h", "3d", "900d"],
        "vvbill-bytes" => &["1 B", "7MiB", "3GiB", "900GiB", "90TB"],
        "vvbill-cpu" => &["1m", "3", "64"],
        "vvbill-event-rate" => &["1/s", "9M/min"],
        "vvbill-port" => &["1", "4711", "19001"],
        "vvbill-percent" => &["1%", "99.999%"],
        "vvbill-money" => &["1 USD"],
        "vvbill-secret" => &[
            "env:CHANGED",
            "secretsmanager:changed",
            "file:changed",
            "managed",
            "swordfish",
        ],
        "vvbill-cidr" => &["10.99.0.0/29", "0.0.0.0/0", "10.0.0.0/15"],
        _ if format.starts_with("vvbill-") => &[],
        _ => return None,
    })
}

/// Whether any change of the field in any of the plans has an effect; `None` where none of them has the field.
fn has_effect(leaf: &Leaf, subjects: &[Subject]) -> Option<bool> {
    let mut tried = false;
    for subject in subjects {
        for place in places(&subject.values, &leaf.steps) {
            let present = place.iter().fold(&subject.values, |at, key| match at {
                Value::Array(items) => &items[key.parse::<usize>().unwrap()],
                map => &map[key],
            });
            for candidate in candidates(leaf.schema, present) {
                let other = changed(&subject.values, &place, candidate.as_ref());
                let Some(effect) = (other != subject.values).then(|| effect(&other)).flatten() else {
                    continue;
                };
                tried = true;
                // Rendering takes longer, and most fields don't need it.
                if effect != subject.effect || rendered(&other).as_ref() != Some(&subject.rendered) {
                    return Some(true);
                }
            }
        }
    }
    tried.then_some(false)
}

/// The fields in which the two sides of a boundary differ, where that is one: the boundary's own test shows
/// that this field decides.
fn decided_by_boundaries(leaves: &[Leaf]) -> BTreeSet<String> {
    let mut decided = BTreeSet::new();
    for rule in rules::all() {
        for boundary in boundaries::boundaries(rule.code)
            .into_iter()
            .filter(|it| it.today.is_none())
        {
            let values =
                |part| serde_json::to_value(boundaries::plan(&boundary.base, part).unwrap().spec).unwrap();
            let (inside, outside) = (values(&boundary.inside), values(&boundary.outside));
            let mut paths = Vec::new();
            differences(&inside, &outside, &mut Vec::new(), &mut paths);
            if let [path] = &paths[..] {
                decided.extend(leaves.iter().filter(|leaf| leaf.is_at(path)).map(Leaf::name));
            }
        }
    }
    decided
}

/// Where two values differ.
fn differences(one: &Value, other: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match (one, other) {
        (Value::Object(fields), Value::Object(others)) => {
            for key in fields.keys().chain(others.keys()).collect::<BTreeSet<_>>() {
                path.push(key.clone());
                differences(&one[key], &other[key], path, found);
                path.pop();
            }
        }
        _ if one != other => found.push(path.clone()),
        _ => {}
    }
}

/// The fields of the list, each with the part that will read it.
fn listed() -> BTreeMap<&'static str, &'static str> {
    LIST.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            line.split_once(' ')
                .unwrap_or_else(|| panic!("`{line}` names no part"))
        })
        .map(|(field, part)| (field, part.trim()))
        .collect()
}

/// A field that nothing reads is a promise that nobody keeps; one that is read needs no excuse.
#[test]
fn every_field_has_an_effect_or_stands_on_the_list() {
    let subjects = subjects();
    let listed = listed();
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    let leaves = leaves();
    let decided = decided_by_boundaries(&leaves);
    for leaf in &leaves {
        let name = leaf.name();
        let has_effect = if decided.contains(&name) {
            Some(true)
        } else {
            has_effect(leaf, &subjects)
        };
        match (has_effect, listed.contains_key(name.as_str())) {
            (None, _) => wrong.push(format!("{name}: no plan has it, or no other value is valid")),
            (Some(true), true) => wrong.push(format!("{name}: is listed, and has an effect")),
            (Some(false), false) => wrong.push(format!("{name}: has no effect, and is not listed")),
            _ => {}
        }
        names.insert(name);
    }
    for (field, part) in listed {
        if !names.contains(field) {
            wrong.push(format!("{field}: is listed, and is no field"));
        }
        if !PARTS.contains(&part) {
            wrong.push(format!(
                "{field}: `{part}` is no later part ({})",
                PARTS.join(", ")
            ));
        }
    }
    assert!(names.len() > 300, "only {} fields were walked", names.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
