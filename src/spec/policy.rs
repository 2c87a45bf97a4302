//! What a plan has to hold before it is done: expressions over its JSON, in CEL, and who breaks them.

use std::collections::{BTreeSet, HashMap};

use cel::common::ast::{Expr, IdedExpr};
use cel::{Context, ExecutionError, Program, Value as CelValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name by which a rule knows the plan.
const PLAN: &str = "plan";
/// Longer ones are no rules that somebody reads.
const LONGEST_RULE: usize = 2_000;
/// Brackets in one another, and operators and calls: rules are read and evaluated by recursion, which takes about
/// 150 kB of the stack for a bracket where nothing is optimised.
const DEEPEST_BRACKETS: usize = 8;
const DEEPEST_RULE: usize = 40;
/// Of a message by the evaluator, which may quote whole values.
const LONGEST_REASON: usize = 300;
/// Names of types, which are values in CEL.
const TYPES: [&str; 10] = [
    "bool",
    "bytes",
    "double",
    "dyn",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "uint",
];

/// A rule that `plan` and `apply` hold a plan to: broken, they end in 3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What it is called where it is broken.
    pub name: String,
    /// A CEL expression over `plan`, the document that `plan --json` prints; `true` is fine. For example
    /// `plan.resource_changes.all(r, !("delete" in r.change.actions))`: nothing is deleted.
    pub rule: String,
    /// What to tell who breaks it: why it is there, and whom to ask.
    pub message: String,
}

/// A policy that a plan breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenPolicy<'a> {
    /// Its place in the list.
    pub index: usize,
    /// Itself.
    pub policy: &'a Policy,
    /// Why nobody can say whether it holds; none: it doesn't.
    pub undecided: Option<Undecided>,
}

/// Why an expression has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// In the evaluator's words.
    pub why: String,
    /// What to write instead, where that can be said.
    pub hint: Option<&'static str>,
}

/// The policies that a plan breaks. One that has no answer, or another than true and false, counts as broken.
pub fn broken<'a>(policies: &'a [Policy], plan: &Value) -> Vec<BrokenPolicy<'a>> {
    if policies.is_empty() {
        return Vec::new();
    }
    let mut context = Context::default();
    context.add_variable_from_value(PLAN, value(plan));
    let judged = policies.iter().enumerate().filter_map(|(index, policy)| {
        let undecided = match holds(policy, &context) {
            Ok(true) => return None,
            Ok(false) => None,
            Err(why) => Some(why),
        };
        Some(BrokenPolicy {
            index,
            policy,
            undecided,
        })
    });
    judged.collect()
}

fn holds(policy: &Policy, context: &Context<'_, '_>) -> Result<bool, Undecided> {
    let program = compile(&policy.rule).map_err(|why| Undecided { why, hint: None })?;
    match program.execute(context) {
        Ok(CelValue::Bool(answer)) => Ok(answer),
        Ok(other) => Err(Undecided {
            why: format!("its answer is of the type `{}`, neither true nor false", other.type_of()),
            hint: None,
        }),
        Err(why) => Err(Undecided {
            hint: matches!(why, ExecutionError::NoSuchKey(_)).then_some(
                "not every resource has every property, and what becomes known only on the way is in no plan: \
                 ask `has(…)` first",
            ),
            why: why.to_string().chars().take(LONGEST_REASON).collect(),
        }),
    }
}

/// A rule, ready to be asked; or the parser's own words for why it is none, each with line and column.
pub(super) fn compile(rule: &str) -> Result<Program, String> {
    let length = rule.chars().count();
    if length > LONGEST_RULE {
        return Err(format!(
            "it has {length} characters, and {LONGEST_RULE} are the most"
        ));
    }
    if brackets(rule) > DEEPEST_BRACKETS {
        return Err(format!(
            "more than {DEEPEST_BRACKETS} brackets are in one another"
        ));
    }
    let program = Program::compile(rule).map_err(|errors| {
        let told = errors.errors.iter().take(3).map(|error| {
            let (line, column) = error.pos;
            format!("{line}:{column}: {}", error.msg)
        });
        told.collect::<Vec<_>>().join("; ")
    })?;
    let mut names = Names::default();
    if names.collect(program.expression(), 0).is_none() {
        return Err(format!(
            "more than {DEEPEST_RULE} operators and calls are in one another"
        ));
    }
    match names.unknown() {
        None => Ok(program),
        Some(name) => Err(format!("`{name}` is not known: a rule is about `{PLAN}`")),
    }
}

/// How deep brackets stand in one another, never too few: where it isn't sure what is text, each counts.
fn brackets(rule: &str) -> usize {
    let Some(code) = without_texts(rule) else {
        return rule.matches(['(', '[', '{']).count();
    };
    let (mut depth, mut deepest) = (0_usize, 0);
    for c in code.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// A rule without its texts and comments; `None` where they are written in a way that isn't known here.
fn without_texts(rule: &str) -> Option<String> {
    let mut code = String::new();
    let mut rest = rule.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '/' if rest.peek() == Some(&'/') => while rest.next_if(|c| *c != '\n').is_some() {},
            '"' | '\'' => {
                // A prefix makes backslashes plain, and two quotes may begin a text of several lines.
                let is_prefixed = code.ends_with(char::is_alphanumeric);
                let mut text = String::new();
                loop {
                    match rest.next()? {
                        '\\' if is_prefixed => return None,
                        '\\' => text.extend(rest.next()),
                        '\n' | '\r' => return None,
                        end if end == c => break,
                        inner => text.push(inner),
                    }
                }
                if text.is_empty() && rest.peek() == Some(&c) {
                    return None;
                }
            }
            c => code.push(c),
        }
    }
    Some(code)
}

/// The names that an expression uses, and those that it gives itself: `r` of `all(r, …)`.
#[derive(Default)]
struct Names<'a> {
    used: BTreeSet<&'a str>,
    given: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    /// `None` where the expression is too deep.
    fn collect(&mut self, expression: &'a IdedExpr, depth: usize) -> Option<()> {
        if depth > DEEPEST_RULE {
            return None;
        }
        let mut below: Vec<&'a IdedExpr> = Vec::new();
        match &expression.expr {
            Expr::Ident(name) => {
                self.used.insert(name);
            }
            Expr::Call(call) => below.extend(call.target.iter().map(AsRef::as_ref).chain(&call.args)),
            Expr::Select(select) => below.push(&select.operand),
            Expr::List(list) => below.extend(&list.elements),
            Expr::Comprehension(each) => {
                self.given.extend([each.iter_var.as_str(), &each.accu_var]);
                self.given.extend(each.iter_var2.as_deref());
                below.extend([
                    &each.iter_range,
                    &each.accu_init,
                    &each.loop_cond,
                    &each.loop_step,
                    &each.result,
                ]);
            }
            // Their entries are looked into when they are evaluated.
            Expr::Map(_) | Expr::Struct(_) | Expr::Literal(_) | Expr::Unspecified => {}
        }
        below.into_iter().try_for_each(|one| self.collect(one, depth + 1))
    }

    fn unknown(&self) -> Option<&'a str> {
        let known = |name: &&&str| **name == PLAN || self.given.contains(**name) || TYPES.contains(*name);
        self.used.iter().find(|name| !known(name)).copied()
    }
}

/// Whole numbers are CEL's `int`, whatever their sign: `uint` can't be added to what a rule writes.
fn value(json: &Value) -> CelValue {
    match json {
        Value::Null => CelValue::Null,
        Value::Bool(it) => CelValue::Bool(*it),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => CelValue::Int(whole),
            (None, Some(large)) => CelValue::UInt(large),
            (None, None) => CelValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => CelValue::from(text.as_str()),
        Value::Array(items) => CelValue::from(items.iter().map(value).collect::<Vec<_>>()),
        Value::Object(map) => {
            let entries: HashMap<String, CelValue> =
                map.iter().map(|(key, item)| (key.clone(), value(item))).collect();
            CelValue::from(entries)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn policy(rule: &str) -> Policy {
        Policy {
            name: "it".into(),
            rule: rule.into(),
            message: "so".into(),
        }
    }

    /// `Some(None)`: broken; `Some(Some(why))`: without an answer.
    fn judged(rule: &str, plan: &Value) -> Option<Option<String>> {
        let policies = [policy(rule)];
        let found = broken(&policies, plan);
        let one = found.first()?;
        Some(one.undecided.as_ref().map(|undecided| undecided.why.clone()))
    }

    #[test]
    fn true_is_fine_and_everything_else_is_not() {
        let plan = json!({
            "resource_changes": [
                { "type": "vpc", "change": { "actions": ["create"], "after": { "size": 3 } } },
                { "type": "queue", "change": { "actions": ["delete", "create"], "after": {} } },
            ],
            "cost": { "monthly_after": "120.5", "monthly_before": null },
        });
        let check = |rule: &str, expect: Option<Option<&str>>| {
            let found = judged(rule, &plan);
            match (&found, expect) {
                (None, None) | (Some(None), Some(None)) => {}
                (Some(Some(why)), Some(Some(part))) => assert!(why.contains(part), "{rule}: {why}"),
                _ => panic!("{rule}: {found:?}"),
            }
        };
        let deletes = "plan.resource_changes.all(r, !(\"delete\" in r.change.actions))";
        check(deletes, Some(None));
        check("plan.resource_changes.all(r, r.type != \"kafka\")", None);
        // What a plan counts, counts as what a rule writes.
        check("plan.resource_changes[0].change.after.size + 1 == 4", None);
        check("double(plan.cost.monthly_after) < 121.0", None);
        check("double(plan.cost.monthly_after) < 120.0", Some(None));
        check(
            "plan.resource_changes.all(r, has(r.change.after.size) ? r.change.after.size < 4 : true)",
            None,
        );
        // What isn't known has no answer.
        check(
            "plan.resource_changes.all(r, r.change.after.size == 3)",
            Some(Some("size")),
        );
        check("double(plan.cost.monthly_before) < 1.0", Some(Some("double")));
        check(
            "plan.resource_changes.size()",
            Some(Some("neither true nor false")),
        );
        check("1 / 0 == 1", Some(Some("zero")));
    }

    #[test]
    fn a_rule_that_is_none_says_where() {
        let check = |rule: &str, expect: &str| {
            let why = compile(rule).unwrap_err();
            assert!(why.contains(expect), "{why}");
        };
        check("plan.a ==", "1:10: ");
        check("true &&\n)", "2:1: ");
        check("plans.resource_changes.size() == 0", "`plans` is not known");
        check("[1].all(r, q > r)", "`q` is not known");
        check(&format!("true{}", " ".repeat(LONGEST_RULE)), "characters");
        check(
            &format!("1{} > 0", "+1".repeat(990)),
            "operators and calls are in one another",
        );
        assert!(compile("[1, 2].exists(n, type(n) == int && n in plan.sizes)").is_ok());
    }

    /// Protects: a text made to exhaust the stack is refused before it is read; closing brackets that are text or
    /// comment close nothing.
    #[test]
    fn a_rule_that_is_too_deep_is_refused() {
        for rule in [
            "(".repeat(1_500),
            format!("{}1{}", "(".repeat(9), ")".repeat(9)),
            "[[[[ ')]})]})' + [[[[[".repeat(40),
            "((((( // )))))\n".repeat(40),
            "((((( r'\\' + ')))))' + ".repeat(40),
            "((((( \"\"\" \" ))))) \"\"\" + ".repeat(40),
            "((((( ')))))\n".repeat(40),
            "((((( \"\\\" ))))) \" +".repeat(40),
        ] {
            let why = compile(&rule).unwrap_err();
            assert!(why.contains("brackets are in one another"), "{rule}: {why}");
        }
        // The deepest that is taken is evaluated, too.
        let deepest = (0..DEEPEST_BRACKETS / 2).fold("true".to_owned(), |inner, number| {
            format!("[{number}].all(n{number}, ({inner}))")
        });
        assert_eq!(brackets(&deepest), DEEPEST_BRACKETS);
        assert_eq!(judged(&deepest, &json!({})), None);
        let many = format!("{}true", "plan.sizes.all(n, n < 5) && ".repeat(20));
        assert_eq!(judged(&many, &json!({ "sizes": [1, 2] })), None);
        assert_eq!(
            judged(&format!("1{} > 0", "+1".repeat(DEEPEST_RULE - 2)), &json!({})),
            None
        );
        let calls = format!("{}1{} == 1", "int(".repeat(8), ")".repeat(8));
        assert_eq!(judged(&calls, &json!({})), None);
    }
}
