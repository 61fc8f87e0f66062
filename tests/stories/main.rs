//! Stories told at the edge: what goes in, and what the receiver got.

mod house_rules;
