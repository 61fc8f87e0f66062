//! The one table of fields: it drives the parser, the letter profiles, the sealing and the canary test.
