use heliostat::hub;

struct ChatHub;

#[hub]
impl ChatHub {
    fn send<T: serde::de::DeserializeOwned>(&self, value: T) {
        drop(value);
    }

    fn other(&self, value: impl Into<String>) {
        drop(value.into());
    }
}

fn main() {}
