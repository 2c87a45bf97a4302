//! CloudWatch: alarms on what AWS measures by itself.

mod metric_alarm;

pub use metric_alarm::{Dimension, MetricAlarm};
