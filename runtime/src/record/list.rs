//! Finds the records of earlier runs.
