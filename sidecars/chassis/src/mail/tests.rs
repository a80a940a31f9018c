//! Messages: what they have in them, and what cannot be.

use super::*;

fn mail() -> Mail {
    Mail {
        to: "Ada <ada@example.com>".to_owned(),
        subject: "Your code".to_owned(),
        text: "123456\n".to_owned(),
        html: None,
    }
}

fn from() -> Mailbox {
    mailbox("Tickloom <no-reply@example.com>").unwrap()
}

#[test]
fn a_message_is_the_same_in_every_byte() {
    let mail = Mail {
        html: Some("<p>123456</p>".to_owned()),
        ..mail()
    };
    let at = Ts(1_700_000_000_000_000_000);
    let message = mail.message(&from(), "mail/evt_1", at).unwrap().formatted();
    let text = String::from_utf8(message.clone()).unwrap();
    // By Python: sha256(b"mail/evt_1").hexdigest()
    let id = "2bb2ea88923e00ebd08d563dfbab3f8fbd932f679733a95f297d9d01e2dd19f8";
    assert!(
        text.contains(&format!("Message-ID: <{id}@example.com>\r\n")),
        "{text}"
    );
    assert!(
        text.contains("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"),
        "{text}"
    );
    assert!(
        text.contains("Auto-Submitted: auto-generated\r\n"),
        "{text}"
    );
    assert!(text.contains(&format!("boundary=\"{id}\"")), "{text}");
    let again = mail.message(&from(), "mail/evt_1", at).unwrap().formatted();
    assert_eq!(message, again);
    // A time before the epoch is the epoch.
    let early = mail.message(&from(), "mail/evt_1", Ts(-1)).unwrap();
    let early = String::from_utf8(early.formatted()).unwrap();
    assert!(
        early.contains("Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"),
        "{early}"
    );
}

#[test]
fn no_header_is_put_in_by_a_subject_or_an_address() {
    for subject in [
        "",
        "a\r\nBcc: eve@example.com",
        "a\nb",
        "a\rb",
        "a\u{85}b",
        "a\0b",
        &"x".repeat(501),
    ] {
        let mail = Mail {
            subject: subject.to_owned(),
            ..mail()
        };
        let refused = mail.check().unwrap_err();
        assert!(
            matches!(
                refused,
                MailError::Mail {
                    field: "subject",
                    ..
                }
            ),
            "{subject}"
        );
        assert!(mail.message(&from(), "k", Ts(0)).is_err());
    }
    for to in [
        "",
        "ada",
        "ada@example.com\r\nBcc: eve@example.com",
        "Ada\nBcc: eve@example.com <ada@example.com>",
        "ada@example.com, eve@example.com",
        "Ada <ada@example.com>, eve@example.com",
        "<ada@example.com> <eve@example.com>",
    ] {
        let mail = Mail {
            to: to.to_owned(),
            ..mail()
        };
        let refused = mail.check().unwrap_err();
        assert!(
            matches!(refused, MailError::Mail { field: "to", .. }),
            "{to}"
        );
    }
}

#[test]
fn what_a_mail_says_is_not_shown() {
    let shown = format!("{:?}", mail());
    assert!(!shown.contains("123456"), "{shown}");
}
