//! What differs between two objects, field by field.
