//! One file for each command: its arguments and what it does.

pub mod adapters;
pub mod audit;
pub mod award;
pub mod charge;
pub mod demo;
pub mod doctor;
pub mod inbox;
pub mod init;
pub mod outbox;
pub mod pocket;
pub mod read;
pub mod registry;
pub mod review;
pub mod selftest;
pub mod serve;
pub mod subject;
pub mod submit;
pub mod till;
pub mod token;
