//! What a saving changes in a plan: values of fields, as a plan file would have them.

use serde_json::{Map, Value};

use crate::spec::{FieldPath, PathError, Segment, Spec, edit};

/// Values of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch(Vec<Set>);

/// A value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The field: `eks.node_groups.app-nodes.instance_type`.
    pub path: FieldPath,
    /// What it becomes.
    pub value: Value,
}

/// Why a plan can't be changed so.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// The path leads through something that has no fields.
    #[error("`{0}` leads through a value that has no fields")]
    NoMap(FieldPath),
    /// The path goes through a list.
    #[error("`{0}` leads into a list, which is only changed as a whole")]
    List(FieldPath),
    /// What comes out is no plan.
    #[error("the changed plan is none: {0}")]
    NoPlan(#[from] serde_json::Error),
}

impl Patch {
    /// One value. `path` is written in this program.
    ///
    /// # Errors
    /// When a name in it is none.
    pub fn of(path: &str, value: impl Into<Value>) -> Result<Self, PathError> {
        Self::default().and(path, value)
    }

    /// Another value.
    ///
    /// # Errors
    /// When a name in the path is none.
    pub fn and(mut self, path: &str, value: impl Into<Value>) -> Result<Self, PathError> {
        self.0.push(Set {
            path: path.parse()?,
            value: value.into(),
        });
        Ok(self)
    }

    /// Each value.
    pub fn sets(&self) -> &[Set] {
        &self.0
    }

    /// Whether both change the same field.
    pub fn meets(&self, other: &Self) -> bool {
        let paths = |patch: &Self| patch.0.iter().map(|set| set.path.clone()).collect::<Vec<_>>();
        let others = paths(other);
        paths(self).iter().any(|path| others.contains(path))
    }

    /// The plan with these values.
    ///
    /// # Errors
    /// When a path leads nowhere, or a value doesn't fit its field.
    pub fn applied(&self, spec: &Spec) -> Result<Spec, PatchError> {
        let mut plan = serde_json::to_value(spec)?;
        for set in &self.0 {
            let mut at = &mut plan;
            for segment in set.path.segments() {
                let Segment::Key(key) = segment else {
                    return Err(PatchError::List(set.path.clone()));
                };
                if at.is_null() {
                    *at = Value::Object(Map::new());
                }
                let map = at
                    .as_object_mut()
                    .ok_or_else(|| PatchError::NoMap(set.path.clone()))?;
                at = map.entry(key.clone()).or_insert(Value::Null);
            }
            *at = set.value.clone();
        }
        Ok(serde_json::from_value(plan)?)
    }

    /// The text of a plan file with these values.
    ///
    /// # Errors
    /// When the text is better changed by hand.
    pub fn written(&self, text: &str) -> Result<String, edit::EditError> {
        self.0.iter().rev().try_fold(text.to_owned(), |text, set| {
            let keys = set.path.segments().iter().filter_map(|segment| match segment {
                Segment::Key(key) => Some(key.as_str()),
                Segment::Index(_) => None,
            });
            let keys: Vec<&str> = keys.collect();
            edit::set(&text, &keys, &edit::written(&set.value))
        })
    }
}

impl Set {
    /// `eks.node_groups.app-nodes.instance_type: m7g.xlarge`.
    pub fn told(&self) -> String {
        format!("{}: {}", self.path, edit::written(&self.value))
    }
}
