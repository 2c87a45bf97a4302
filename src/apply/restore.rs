//! Putting a lost state together again: the one before it, and the journal of the run that led to it.

use super::SessionError;
use crate::state::journal::{decode, fold};
use crate::state::store::Object;
use crate::state::{Entry, State, Store};

/// The state that `journal` builds on, or that the last run has left. `None` where nothing tells.
pub(super) async fn restore(store: &dyn Store, journal: &[Entry]) -> Result<Option<State>, SessionError> {
    let previous = store.read(&Object::PreviousState).await?;
    let previous = previous.and_then(|blob| State::from_json(&blob.bytes).ok());
    let Some(previous) = previous else {
        return Ok(first_of(journal));
    };
    let serial = previous.serial + 1;
    let archived = store.read(&Object::PreviousJournal).await?;
    let archived = archived
        .and_then(|blob| decode(&blob.bytes).ok())
        .unwrap_or_default();
    let led_on = |entries: &[Entry]| {
        matches!(entries.first(), Some(Entry::Opened { lineage, serial, .. })
            if *lineage == previous.lineage && *serial == previous.serial)
    };
    // The run may have stopped between the write of the state and the archiving of its journal. Surgery
    // writes no journal: what is archived then is older, and the state before it is what there is.
    let entries = match (led_on(&archived), led_on(journal)) {
        (true, _) => archived,
        (false, true) => journal.to_vec(),
        (false, false) => Vec::new(),
    };
    let (mut state, _) = fold(previous, entries).map_err(|error| SessionError::Journal {
        place: store.place(&Object::PreviousJournal),
        error,
    })?;
    state.serial = serial;
    Ok(Some(state))
}

/// The first state of a lineage holds nothing.
fn first_of(journal: &[Entry]) -> Option<State> {
    match journal.first() {
        Some(Entry::Opened {
            lineage,
            serial: serial @ 1,
            ..
        }) => Some(State {
            lineage: *lineage,
            serial: *serial,
            ..State::new()
        }),
        _ => None,
    }
}
