use heliostat::hub;

struct ChatHub;

#[hub]
impl ChatHub {
    fn new() -> Self {
        Self
    }

    fn consume(self) {}

    fn change(&mut self, word: String) {
        drop(word);
    }

    fn boxed(self: Box<Self>) {}
}

fn main() {}
