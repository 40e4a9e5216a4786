use heliostat::{Request, hub};

struct ChatHub;

#[hub]
impl ChatHub {
    fn send(&self, room: &str, words: &[String], number: &u32) {
        drop((room, words, number));
    }

    fn look(&self, request: &Request) {
        drop(request);
    }
}

fn main() {}
