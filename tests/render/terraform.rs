//! The format `terraform`.

use vvbill::render::Format;

#[test]
fn dump() {
    for name in ["specification", "production", "staging"] {
        let (spec, _) = super::plans::plan(name);
        let desired = vvbill::topology::desired(&spec).unwrap();
        std::fs::write(
            format!("/tmp/tfx/{name}.json"),
            serde_json::to_string_pretty(&desired).unwrap(),
        )
        .unwrap();
        for file in super::plans::files(name, &[Format::Terraform]) {
            let path = std::path::Path::new("/tmp/tfx/out").join(name).join(&file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file.text).unwrap();
        }
    }
}
