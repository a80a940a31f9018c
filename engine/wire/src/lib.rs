//! The ZeroMQ contract: envelope, publisher, subscriber.
