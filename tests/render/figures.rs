//! Each figure of the specification is in the render of `plans/specification.yaml`, or the finding that changed it.
