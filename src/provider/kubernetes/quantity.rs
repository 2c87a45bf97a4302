//! Kubernetes' quantities: `500m`, `0.5` and `1Gi` as numbers, since the API server spells them its own way.

use rust_decimal::Decimal;
use serde_json::Value;

/// Fields below which texts are quantities.
const FIELDS: &[&str] = &[
    "averageValue",
    "capacity",
    "default",
    "defaultRequest",
    "divisor",
    "hard",
    "limits",
    "max",
    "min",
    "overhead",
    "requests",
    "sizeLimit",
    "storage",
];

/// Whether what is at this path is a quantity.
pub(super) fn is_at(path: &str) -> bool {
    path.rsplit('/').take(2).any(|segment| FIELDS.contains(&segment))
}

/// Whether both are the same amount, however they are spelt.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    matches!((amount(one), amount(other)), (Some(one), Some(other)) if one == other)
}

fn amount(value: &Value) -> Option<Decimal> {
    match value {
        Value::String(text) => parse(text),
        Value::Number(number) => parse(&number.to_string()),
        _ => None,
    }
}

fn parse(text: &str) -> Option<Decimal> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: Decimal = number.parse().ok()?;
    let binary = |power: u32| Some(Decimal::from(1_u64.checked_shl(10 * power)?));
    let scale = match unit {
        "" => Decimal::ONE,
        "n" => Decimal::new(1, 9),
        "u" => Decimal::new(1, 6),
        "m" => Decimal::new(1, 3),
        "k" => Decimal::from(1_000),
        "M" => Decimal::from(1_000_000),
        "G" => Decimal::from(1_000_000_000_u64),
        "T" => Decimal::from(1_000_000_000_000_u64),
        "P" => Decimal::from(1_000_000_000_000_000_u64),
        "Ki" => binary(1)?,
        "Mi" => binary(2)?,
        "Gi" => binary(3)?,
        "Ti" => binary(4)?,
        "Pi" => binary(5)?,
        "Ei" => binary(6)?,
        exponent => return scientific(number, exponent),
    };
    number.checked_mul(scale)
}

/// `1e3`, `1E3`; a bare `E` is the exa of `5E`.
fn scientific(number: Decimal, exponent: &str) -> Option<Decimal> {
    let digits = exponent.strip_prefix(['e', 'E'])?;
    let power: u32 = if digits.is_empty() {
        18
    } else {
        digits.parse().ok()?
    };
    number.checked_mul(Decimal::from(10_u64.checked_pow(power)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Protects: a plan that says `1000m` where the API server answers `1` is not changed for ever.
    #[test]
    fn the_same_amount_is_the_same_however_it_is_spelt() {
        for (one, other) in [
            (json!("1000m"), json!("1")),
            (json!(0.5), json!("500m")),
            (json!("1024Mi"), json!("1Gi")),
            (json!("1e3"), json!("1k")),
            (json!(2), json!("2")),
        ] {
            assert!(same(&one, &other), "{one} and {other}");
        }
        assert!(!same(&json!("1G"), &json!("1Gi")));
        assert!(!same(&json!("big"), &json!("big")));
    }

    #[test]
    fn only_fields_of_quantities_are_compared_as_such() {
        assert!(is_at("/spec/template/spec/containers/0/resources/limits/cpu"));
        assert!(!is_at("/spec/template/spec/containers/0/env/0/value"));
    }
}
