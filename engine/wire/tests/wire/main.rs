//! Tests of the wire over real sockets, and of its documents, in one program.

#![cfg(test)]

mod docs;
mod golden;
mod loopback;
mod python;
mod support;
