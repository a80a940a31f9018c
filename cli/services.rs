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
}

#[cfg(feature = "services")]
mod opening {
    use super::PlaceArgs;
    use crate::failure::Failure;
    use anyhow::anyhow;
    use tickloom_auth::Auth;
    use tickloom_chassis::{Database, Place, Service};

    /// Folder of `tickloom serve` without more.
    pub(crate) const DATA: &str = "services";

    impl PlaceArgs {
        /// The database of auth, which has to be there already.
        pub(crate) async fn open_auth(&self) -> Result<Database, Failure> {
            let place = match (&self.database, &self.data) {
                (Some(url), _) => Place::server(url).map_err(Failure::input)?,
                (None, data) => {
                    let folder = data.clone().unwrap_or_else(|| DATA.into());
                    let file = folder.join(format!("{}.db", Auth::NAME));
                    if !file.is_file() {
                        return Err(Failure::input(anyhow!(
                            "there is no {}: --data DIR or --database URL says where `tickloom serve auth` keeps things",
                            file.display()
                        )));
                    }
                    Place::Folder(folder)
                }
            };
            let opened = Database::open(&place, Auth::NAME, Auth::MIGRATIONS);
            opened.await.map_err(Failure::run)
        }
    }
}

#[cfg(feature = "services")]
pub(crate) use opening::DATA;

/// What a command of services says without them.
#[cfg(not(feature = "services"))]
pub(crate) fn absent() -> crate::failure::Failure {
    crate::failure::Failure::input(anyhow::anyhow!(
        "this tickloom was built without services; released binaries have them, and cargo build --release --features services \
         builds them"
    ))
}
