//! The ledger over small sets made by hand.
