//! Mail as an effect: a message is asked for in a transaction, and sent over SMTP (RFC 5321) once that is committed.
//!
//! The message is the same in every byte however often it is sent: its number (`Message-ID`) and its boundaries are from the key of
//! the effect, its date is when it was asked for. A server or a reader that has seen it can tell.

mod server;

use crate::database::Write;
use crate::effect::{Effect, EffectAnswer, EffectFuture, EffectHandler, NewEffect, enqueue};
use crate::hex::{hex, sha256};
use crate::{ChassisError, Result};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use lettre::transport::smtp;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use serde::{Deserialize, Serialize};
pub use server::MailConfig;
use std::error::Error as _;
use std::time::{Duration, SystemTime};
use thiserror::Error;
use tickloom_types::Ts;

/// The kind of effect that a mail is.
pub const MAIL: &str = "mail";
/// Bytes of a subject.
const SUBJECT_MAX: usize = 500;
/// Answers of a server that tell of us and not of the mail: it closes (RFC 5321), and it wants other credentials (RFC 4954).
const CODES_OF_US: [u16; 7] = [421, 454, 504, 530, 534, 535, 538];

/// A mail to one reader.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// To whom: `ada@example.com` or `Ada <ada@example.com>`.
    pub to: String,
    /// What it is about: 1 to 500 bytes on one line.
    pub subject: String,
    /// What it says, as plain text.
    pub text: String,
    /// What it says, as HTML, if it does.
    pub html: Option<String>,
}

/// Why there is no mail, or nowhere to send it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MailError {
    /// A setting. What it is set to is not told, as it may have a password in it.
    #[error("the mail setting `{name}` {why}")]
    Setting {
        /// Which one.
        name: &'static str,
        /// What is wrong with it.
        why: String,
    },

    /// A part of a mail.
    #[error("the `{field}` of a mail {why}")]
    Mail {
        /// Which one.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// Sends mail: the handler of effects of the kind [`MAIL`].
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
}

impl Mail {
    /// Whether it can be sent: a header of it has no line of somebody else's in it.
    ///
    /// # Errors
    /// [`MailError::Mail`].
    pub fn check(&self) -> Result<(), MailError> {
        let wrong = |field, why: &str| MailError::Mail {
            field,
            why: why.to_owned(),
        };
        if !(1..=SUBJECT_MAX).contains(&self.subject.len()) {
            return Err(wrong("subject", "is empty, or longer than 500 bytes"));
        }
        if self.subject.chars().any(char::is_control) {
            return Err(wrong("subject", "has a control character or a line's end"));
        }
        if self.text.contains('\0') || self.html.as_ref().is_some_and(|html| html.contains('\0')) {
            return Err(wrong("text", "has a NUL"));
        }
        mailbox(&self.to).map(drop).map_err(|why| wrong("to", &why))
    }

    /// The message that it is, under the key of an effect that was asked for then.
    fn message(&self, from: &Mailbox, key: &str, at: Ts) -> Result<Message, MailError> {
        self.check()?;
        let wrong = |field, why| MailError::Mail { field, why };
        let to = mailbox(&self.to).map_err(|why| wrong("to", why))?;
        let id = hex(&sha256(key.as_bytes()));
        let since = Duration::from_nanos(u64::try_from(at.0).unwrap_or(0));
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = Message::builder()
            .from(from.clone())
            .to(to)
            .subject(self.subject.clone())
            .date(SystemTime::UNIX_EPOCH + since)
            .message_id(Some(format!("<{id}@{}>", from.email.domain())))
            // RFC 3834: nobody's machine answers it.
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()));
        let text = SinglePart::plain(self.text.clone());
        let built = match &self.html {
            None => message.singlepart(text),
            Some(html) => {
                let parts = MultiPart::alternative().boundary(id);
                let html = SinglePart::html(html.clone());
                message.multipart(parts.singlepart(text).singlepart(html))
            }
        };
        built.map_err(|error| wrong("to", error.to_string()))
    }
}

/// What it says may have secrets such as links, and is not shown.
impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail")
            .field("to", &self.to)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// Asks for a mail in a transaction, and returns whether it is new: one under a key that was there before is asked for already.
///
/// # Errors
/// [`ChassisError::Mail`] if it cannot be sent; [`ChassisError::Database`].
pub async fn enqueue_mail(write: &mut Write, key: &str, at: Ts, mail: &Mail) -> Result<bool> {
    mail.check()?;
    let payload = serde_json::to_string(mail).map_err(|error| {
        ChassisError::Mail(MailError::Mail {
            field: "text",
            why: error.to_string(),
        })
    })?;
    let effect = NewEffect {
        key: key.to_owned(),
        kind: MAIL,
        payload,
        at,
    };
    enqueue(write, &effect).await
}

impl Mailer {
    /// Sends over the server of the settings. Nothing is connected yet.
    ///
    /// # Errors
    /// [`ChassisError::Mail`] for a setting that cannot be.
    pub fn new(config: &MailConfig) -> Result<Mailer> {
        let from = mailbox(&config.from).map_err(|why| MailError::Setting { name: "from", why })?;
        let transport = config.transport()?;
        Ok(Mailer {
            transport,
            from,
            timeout: config.timeout(),
        })
    }

    /// Connects as for a mail, and sends none.
    ///
    /// # Errors
    /// Why it cannot, in words.
    pub(crate) async fn reach(&self) -> std::result::Result<(), String> {
        let reached = tokio::time::timeout(self.timeout, self.transport.test_connection());
        match reached.await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err("the server does not answer as one".to_owned()),
            Ok(Err(error)) => match answer(&error, true) {
                EffectAnswer::Done(words)
                | EffectAnswer::Later(words)
                | EffectAnswer::Refused(words)
                | EffectAnswer::Away(words) => Err(words),
            },
            Err(_) => {
                let seconds = self.timeout.as_secs();
                Err(format!("the server took more than {seconds} s"))
            }
        }
    }

    async fn send(&self, effect: &Effect) -> EffectAnswer {
        // The words of a fault of JSON may be those of the mail.
        let Ok(mail) = serde_json::from_str::<Mail>(&effect.payload) else {
            return EffectAnswer::Refused("the payload is no mail".to_owned());
        };
        let message = match mail.message(&self.from, &effect.key, effect.at) {
            Ok(message) => message,
            Err(error) => return EffectAnswer::Refused(error.to_string()),
        };
        let to = message.envelope().to();
        let is_ascii = to.iter().all(|to| to.to_string().is_ascii());
        let sent = tokio::time::timeout(self.timeout, self.transport.send(message));
        match sent.await {
            Ok(Ok(response)) => {
                let said: Vec<&str> = response.message().collect();
                EffectAnswer::Done(format!("{} {}", response.code(), said.join(" ")))
            }
            Ok(Err(error)) => answer(&error, is_ascii),
            Err(_) => {
                let seconds = self.timeout.as_secs();
                EffectAnswer::Away(format!("the server took more than {seconds} s"))
            }
        }
    }
}

impl EffectHandler for Mailer {
    fn kind(&self) -> &'static str {
        MAIL
    }

    fn perform<'a>(&'a self, effect: &'a Effect) -> EffectFuture<'a> {
        Box::pin(self.send(effect))
    }
}

/// The settings may have a password, and are not shown.
impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer")
            .field("from", &self.from.to_string())
            .finish_non_exhaustive()
    }
}

/// What a server that did not take a mail means by it.
fn answer(error: &smtp::Error, is_ascii: bool) -> EffectAnswer {
    let said = error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string);
    let Some(code) = error.status() else {
        // No server, no TLS, none of our ways to sign in, or one that speaks another way. An address beyond ASCII is one that this
        // server cannot write to (RFC 6531).
        return match error.is_client() {
            true if is_ascii => EffectAnswer::Away(said),
            true => EffectAnswer::Refused(said),
            false => EffectAnswer::Away(error.to_string()),
        };
    };
    let number = u16::from(code);
    if CODES_OF_US.contains(&number) {
        // What is said of credentials may have them in it.
        return EffectAnswer::Away(format!("the server does not let us in: {number}"));
    }
    let words = format!("{number} {said}");
    if error.is_permanent() {
        EffectAnswer::Refused(words)
    } else {
        EffectAnswer::Later(words)
    }
}

/// One address, perhaps with a name.
fn mailbox(text: &str) -> Result<Mailbox, String> {
    if text.chars().any(char::is_control) {
        return Err("has a control character or a line's end".to_owned());
    }
    text.parse()
        .map_err(|error| format!("is no address: {error}"))
}

#[cfg(test)]
mod tests;
