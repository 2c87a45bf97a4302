//! ECR: where images of containers are kept.

mod login;
mod repository;

pub use login::{Login, login};
pub use repository::EcrRepository;
