use heliostat::{Caller, hub};

struct ChatHub;

#[hub]
impl ChatHub {
    #[method(name = "Send")]
    fn first(&self, _word: String) {}

    #[method(name = "send")]
    fn second(&self, _caller: Caller, _number: u32) {}
}

fn main() {}
