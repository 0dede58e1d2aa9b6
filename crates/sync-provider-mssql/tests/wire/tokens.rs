//! TDS 7.4 tokens, as a server writes them (MS-TDS 2.2.7).

/// The end of an answer, or of one statement of it where more follows.
pub(crate) fn done(more: bool) -> Vec<u8> {
    let mut token = vec![0xfd];
    token.extend(u16::from(more).to_le_bytes());
    token.extend([0; 10]);
    token
}

pub(crate) fn error(number: u32, class: u8, message: &str) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(number.to_le_bytes());
    body.extend([1, class]);
    body.extend(us_text(message));
    body.extend(b_text("scripted"));
    body.extend(b_text(""));
    body.extend(1_u32.to_le_bytes());
    with_length(0xaa, &body)
}

pub(crate) fn login_ack() -> Vec<u8> {
    let mut body = vec![1];
    body.extend(0x7400_0004_u32.to_be_bytes());
    body.extend(b_text("Microsoft SQL Server"));
    body.extend([13, 0, 0, 0]);
    with_length(0xad, &body)
}

/// The client is to go to another server.
pub(crate) fn routing(host: &str, port: u16) -> Vec<u8> {
    let mut value = vec![0];
    value.extend(port.to_le_bytes());
    value.extend(us_text(host));
    let mut body = vec![20];
    body.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
    body.extend(value);
    body.extend(0_u16.to_le_bytes());
    with_length(0xe3, &body)
}

/// A column of a result set, and one cell of it.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Int(i32),
    Text(&'static str),
    /// `nvarchar(max)`: a length of eight bytes, then chunks.
    Long(&'static str),
    Bytes(&'static [u8]),
    Guid([u8; 16]),
    Decimal(u64),
}

impl Cell {
    fn column(&self, name: &str) -> Vec<u8> {
        let mut column = vec![0, 0, 0, 0, 9, 0];
        const COLLATION: [u8; 5] = [0x09, 0x04, 0xd0, 0x00, 0x34];
        match self {
            Cell::Int(_) => column.extend([0x26, 4]),
            Cell::Text(_) => column.extend([0xe7, 0x40, 0x1f]),
            Cell::Long(_) => column.extend([0xe7, 0xff, 0xff]),
            Cell::Bytes(_) => column.extend([0xa5, 0x40, 0x1f]),
            Cell::Guid(_) => column.extend([0x24, 16]),
            Cell::Decimal(_) => column.extend([0x6a, 17, 38, 2]),
        }
        if matches!(self, Cell::Text(_) | Cell::Long(_)) {
            column.extend(COLLATION);
        }
        column.extend(b_text(name));
        column
    }

    fn value(&self) -> Vec<u8> {
        match self {
            Cell::Int(number) => [&[4], number.to_le_bytes().as_slice()].concat(),
            Cell::Text(text) => {
                let units = utf16(text);
                let length = u16::try_from(units.len()).unwrap();
                [length.to_le_bytes().as_slice(), &units].concat()
            }
            Cell::Long(text) => {
                let units = utf16(text);
                let length = u32::try_from(units.len()).unwrap();
                let whole = u64::from(length).to_le_bytes();
                [whole.as_slice(), &length.to_le_bytes(), &units, &[0; 4]].concat()
            }
            Cell::Bytes(bytes) => {
                let length = u16::try_from(bytes.len()).unwrap();
                [length.to_le_bytes().as_slice(), bytes].concat()
            }
            Cell::Guid(bytes) => [&[16], bytes.as_slice()].concat(),
            Cell::Decimal(number) => {
                let mut value = vec![17, 1];
                value.extend(u128::from(*number).to_le_bytes());
                value
            }
        }
    }
}

/// A result set of rows that are all alike.
pub(crate) fn rows(names: &[&str], cells: &[Cell], count: usize) -> Vec<u8> {
    let mut tokens = vec![0x81];
    tokens.extend(u16::try_from(cells.len()).unwrap().to_le_bytes());
    for (name, cell) in names.iter().zip(cells) {
        tokens.extend(cell.column(name));
    }
    let values: Vec<u8> = cells.iter().flat_map(Cell::value).collect();
    let row = [[0xd1].as_slice(), &values].concat();
    tokens.extend(row.repeat(count));
    tokens
}

fn with_length(token: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_le_bytes();
    [&[token], length.as_slice(), body].concat()
}

fn us_text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.encode_utf16().count()).unwrap();
    [length.to_le_bytes().as_slice(), &utf16(text)].concat()
}

fn b_text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.encode_utf16().count()).unwrap();
    [&[length], utf16(text).as_slice()].concat()
}

pub(crate) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
