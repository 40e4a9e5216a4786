use heliostat::hub;

struct ChatHub;
struct Opaque;

#[hub]
impl ChatHub {
    fn send(&self, opaque: Opaque) {
        drop(opaque);
    }
}

fn main() {}
