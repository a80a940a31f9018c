//! What is written to people, without a word that a stranger chose.

use crate::credential::secret::Secret;
use crate::model::Account;
use crate::pages::email::EMAIL;
use crate::pages::invitations::INVITATION;
use crate::pages::links::{LINK, RECOVERY};
use tickloom_chassis::Mail;

/// What pages have in their addresses: where they are, and the code of a link.
pub(crate) fn address(issuer: &str, page: &str, link: &Secret) -> String {
    // What stands behind the # is sent nowhere by a browser: it is in no log and in no `Referer`.
    format!("{}{page}#{}", issuer.trim_end_matches('/'), link.expose())
}

/// To somebody who was invited or signed up.
pub(crate) fn welcome(account: &Account, issuer: &str, link: &Secret) -> Mail {
    let text = format!(
        "Hello,\n\nthere is an account for you at Tickloom. With this link you choose a password within a week:\n\n{}\n\n\
         If you did not ask for it, leave it: nobody can use the account without the link.\n",
        address(issuer, LINK, link)
    );
    mail(account, "Your account at Tickloom", text)
}

/// To somebody who forgot the password.
pub(crate) fn recover(account: &Account, issuer: &str, link: &Secret) -> Mail {
    let text = format!(
        "Hello,\n\nsomebody wants to choose a new password for your account at Tickloom. With this link you can, within an hour:\n\n\
         {}\n\nIf it was not you, leave it: the password stays as it is.\n",
        address(issuer, LINK, link)
    );
    mail(account, "A new password for Tickloom", text)
}

/// To the address that an account is to have.
pub(crate) fn change_email(email: &str, issuer: &str, link: &Secret) -> Mail {
    let text = format!(
        "Hello,\n\nsomebody wants this to be the address of their account at Tickloom. If it is you, open this link within an hour, in \
         a browser in which you are signed in:\n\n{}\n\nIf it is not you, leave it: nothing changes without the link.\n",
        address(issuer, EMAIL, link)
    );
    Mail {
        to: email.to_owned(),
        subject: "Your new address at Tickloom".to_owned(),
        text,
        html: None,
    }
}

/// To somebody whose second factor an administrator gave up.
pub(crate) fn factor_dropped(account: &Account) -> Mail {
    let text = "Hello,\n\nan administrator removed the second factor of your account at Tickloom: the app, passkeys and recovery codes. \
                Your sessions are over. Sign in with your password, or ask for a new one, and set a second \
                factor up again.\n\nIf you did not ask for it, tell \
                an administrator at once.\n"
        .to_owned();
    mail(account, "Your second factor at Tickloom was removed", text)
}

/// To the address that an account had before.
pub(crate) fn email_changed(before: &Account) -> Mail {
    let text = "Hello,\n\nyour account at Tickloom has another e-mail address now, and this one is not used for it any more.\n\n\
                If it was not you, tell an administrator at once: somebody was signed in to your account, and knew what you sign in \
                with.\n"
        .to_owned();
    mail(before, "Your address at Tickloom was changed", text)
}

/// To somebody who has an account and attempts to sign up.
pub(crate) fn known(account: &Account, issuer: &str) -> Mail {
    let text = format!(
        "Hello,\n\nsomebody tried to sign up at Tickloom with your address, and there is an account already. If it was you and you \
         forgot the password, ask for a new one: {}{RECOVERY}\n\nIf it was not you, leave it.\n",
        issuer.trim_end_matches('/')
    );
    mail(account, "You have an account at Tickloom", text)
}

/// To somebody who is invited to an organisation. Its name is not there, as anybody can give one any name.
pub(crate) fn invitation(email: &str, issuer: &str, link: &Secret) -> Mail {
    let text = format!(
        "Hello,\n\nsomebody invites you to an organisation at Tickloom. With this link, which is good for a week, you see which one, and \
         join if you want to:\n\n{}\n\nIf you have an account with this address, sign in first.\n\n\
         If you do not want to, leave it: nobody can join in your name without the link.\n",
        address(issuer, INVITATION, link)
    );
    Mail {
        to: email.to_owned(),
        subject: "An invitation at Tickloom".to_owned(),
        text,
        html: None,
    }
}

fn mail(account: &Account, subject: &str, text: String) -> Mail {
    Mail {
        to: account.email.clone().unwrap_or_default(),
        subject: subject.to_owned(),
        text,
        html: None,
    }
}
