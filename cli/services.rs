//! Where services keep things, for commands that look at it themselves.

use std::path::PathBuf;

/// Where services keep things.
#[derive(clap::Args)]
pub(crate) struct PlaceArgs {
    /// Folder of SQLite's files, a file a service [default: services]
    #[arg(long, value_name = "DIR", conflicts_with = "database")]
    data: Option<PathBuf>,
    /// PostgreSQL server, a schema a service: postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// TOML file of `tickloom serve`, which says the rest; a password of a server stands there, and on no command line
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[cfg(feature = "services")]
mod opening {
    use super::PlaceArgs;
    use crate::commands::serve::{Examined, examined};
    use crate::failure::Failure;
    use anyhow::anyhow;
    use std::path::Path;
    use tickloom_activity::Activity;
    use tickloom_auth::Auth;
    use tickloom_chassis::{
        Database, Place, Problem, ProblemCode, Service, ServiceParts, pending_migrations,
    };

    /// Folder of `tickloom serve` without more.
    pub(crate) const DATA: &str = "services";

    /// Every service, for commands that look after all of them.
    pub(crate) fn services() -> Vec<ServiceParts> {
        vec![
            ServiceParts::of::<Activity>(),
            ServiceParts::of::<Auth>()
                .with_commands("tickloom admin rebuild", "tickloom admin retry-mail"),
        ]
    }

    impl PlaceArgs {
        /// The file that says the rest, if there is one.
        pub(crate) fn config(&self) -> Option<&Path> {
            self.config.as_deref()
        }

        /// What the command line says, and the configuration where it does not.
        pub(crate) fn examined(&self) -> Result<Examined, Failure> {
            let asked = (self.data.clone(), self.database.clone());
            examined(self.config(), asked).map_err(Failure::input)
        }

        /// Where it is.
        pub(crate) fn place(&self) -> Result<Place, Failure> {
            Ok(self.examined()?.place)
        }

        /// As [`open_auth`], where the arguments say.
        pub(crate) async fn open_auth(&self) -> Result<Database, Failure> {
            open_auth(&self.place()?).await
        }
    }

    /// The database of auth, which has to be there already, of this version. Nothing is made or brought forward.
    pub(crate) async fn open_auth(place: &Place) -> Result<Database, Failure> {
        let found = Database::existing(place, Auth::NAME).await;
        let Some(database) = found.map_err(Failure::run)? else {
            let absent = match place {
                Place::Folder(folder) => folder
                    .join(format!("{}.db", Auth::NAME))
                    .display()
                    .to_string(),
                Place::Server(_) => format!("schema `{}` on that server", Auth::NAME),
            };
            return Err(Failure::input(anyhow!(
                "there is no {absent}: --data DIR or --database URL says where `tickloom serve auth` keeps things"
            )));
        };
        let pending = pending_migrations(&database, Auth::NAME, Auth::MIGRATIONS).await;
        let behind = match pending {
            Ok(pending) if pending.is_empty() => return Ok(database),
            Ok(pending) => anyhow!(
                "the database of auth is behind by {}: `tickloom admin migrate` brings it forward",
                pending.join(", ")
            ),
            Err(error) => anyhow!("what is there is no database of auth: {error}"),
        };
        database.close().await;
        Err(Failure::run(behind))
    }

    /// What a service refuses: an account that is not there or cannot be used is named wrong.
    pub(crate) fn refused(problem: Problem) -> Failure {
        let said = anyhow!("{}", problem.detail);
        match problem.code {
            ProblemCode::NotFound | ProblemCode::Refused => Failure::input(said),
            _ => Failure::run(said),
        }
    }
}

#[cfg(feature = "services")]
pub(crate) use opening::{DATA, open_auth, refused, services};

/// What a command of services says without them.
#[cfg(not(feature = "services"))]
pub(crate) fn absent() -> crate::failure::Failure {
    crate::failure::Failure::input(anyhow::anyhow!(
        "this tickloom was built without services; released binaries have them, and cargo build --release --features services \
         builds them"
    ))
}
