//! Expressions compiled to a graph of O(1) operators.
