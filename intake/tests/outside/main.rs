//! Tests of adapters against real servers, which `make test-distributed` starts.

mod rabbitmq;
