//! S3: buckets.

mod bucket;
mod contents;
mod settings;

pub use bucket::S3Bucket;
