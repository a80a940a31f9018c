//! DBN from end to end: files as Databento makes them, imported and exported again. What is in the catalog is worked out by hand, and what
//! comes out is compared with what went in, byte for byte.

#![cfg(test)]

mod alike;
mod damaged;
mod defined;
mod files;
mod many;
mod round;
mod symbols;
mod unused;
