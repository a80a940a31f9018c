//! Durable things: journal, Parquet catalog, import.
