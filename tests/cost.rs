//! What `vvbill cost` makes of plans: the specification's table to the dollar, and what each change changes.

#![allow(clippy::unwrap_used)]

#[path = "cost/cases.rs"]
mod cases;
#[path = "cost/command.rs"]
mod command;
#[path = "cost/curves.rs"]
mod curves;
#[path = "cost/gates.rs"]
mod gates;
#[path = "cost/plans.rs"]
mod plans;
#[path = "cost/savings.rs"]
mod savings;
#[path = "cost/savings_command.rs"]
mod savings_command;
#[path = "cost/table.rs"]
mod table;
