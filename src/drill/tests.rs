//! What the measuring makes of series that were made up.
