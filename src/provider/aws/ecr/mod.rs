//! ECR: where images of containers are kept.

mod repository;

pub use repository::EcrRepository;
