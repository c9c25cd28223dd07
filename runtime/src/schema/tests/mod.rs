mod differential;
mod limits;
mod messages;
mod shapes;
mod types;
mod values;
