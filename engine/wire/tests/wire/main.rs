//! Tests of the wire over real sockets, in one program.

#![cfg(test)]

mod loopback;
mod python;
mod support;
