//! Plain values: between Python's and JSON's.

use pyo3::{
    IntoPyObjectExt as _,
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::errors::raise;

/// How deep values may be nested.
const DEPTH: usize = 32;

/// The Python value of a JSON value.
pub(crate) fn to_py(py: Python<'_>, value: &Value) -> PyResult<Py<PyAny>> {
    match value {
        Value::Null => Ok(py.None()),
        Value::Bool(flag) => flag.into_py_any(py),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => whole.into_py_any(py),
            (None, Some(whole)) => whole.into_py_any(py),
            (None, None) => number.as_f64().into_py_any(py),
        },
        Value::String(text) => text.into_py_any(py),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_py(py, item)?)?;
            }
            list.into_py_any(py)
        }
        Value::Object(members) => {
            let dict = PyDict::new(py);
            for (name, member) in members {
                dict.set_item(name, to_py(py, member)?)?;
            }
            dict.into_py_any(py)
        }
    }
}

/// The JSON value of a Python value: of None, bool, int, float, str, list, tuple and dict.
pub(crate) fn to_value(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    nested(value, DEPTH)
}

fn nested(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(PyValueError::new_err("the value is nested too deeply"));
    };
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Value::String(text.extract()?));
    }
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Value::Bool(flag.is_true()));
    }
    if value.is_instance_of::<PyInt>() {
        return match value.extract::<i64>() {
            Ok(whole) => Ok(whole.into()),
            Err(_) => Ok(value.extract::<u64>()?.into()),
        };
    }
    if value.is_instance_of::<PyFloat>() {
        let number = value.extract::<f64>()?;
        let number = serde_json::Number::from_f64(number);
        return match number {
            Some(number) => Ok(Value::Number(number)),
            None => Err(PyValueError::new_err("a number must be finite")),
        };
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        let mut members = Map::new();
        for (name, member) in dict {
            members.insert(name.extract()?, nested(&member, depth)?);
        }
        return Ok(Value::Object(members));
    }
    let items: PyResult<Vec<Value>> = match (value.cast::<PyList>(), value.cast::<PyTuple>()) {
        (Ok(list), _) => list.iter().map(|item| nested(&item, depth)).collect(),
        (_, Ok(tuple)) => tuple.iter().map(|item| nested(&item, depth)).collect(),
        _ => {
            let name = value.get_type().name()?;
            return Err(PyTypeError::new_err(format!("{name} is not a plain value")));
        }
    };
    items.map(Value::Array)
}

/// Reads options that the face wrote.
pub(crate) fn read<T: DeserializeOwned>(value: &Bound<'_, PyAny>) -> PyResult<T> {
    wom_embed::read(to_value(value)?).map_err(|error| raise(&error))
}
