use heliostat_client::{InvokeError, hub_proxy};

#[hub_proxy]
struct NoTrait;

#[hub_proxy(name = "x")]
trait WithArguments {}

#[hub_proxy]
trait Generic<T> {
    async fn call(&self, value: T) -> Result<(), InvokeError>;
}

#[hub_proxy]
trait Mistakes {
    const NUMBER: u8;
    fn at_once(&self) -> Result<(), InvokeError>;
    async fn cannot_fail(&self) -> u8;
    async fn returns_nothing(&self);
    async fn without_self() -> Result<(), InvokeError>;
    async fn exclusive(&mut self) -> Result<(), InvokeError>;
    async fn nameless(&self, (a, b): (u8, u8)) -> Result<(), InvokeError>;
    #[method(nmae = "x")]
    async fn mistyped(&self) -> Result<(), InvokeError>;
    #[method(name = "x")]
    fn with_body(&self) {}
}

fn main() {}
