//! The functions of a crate under the names that cargo-mutants gives them, and what each compares: read from the source, so that a
//! renamed function is noticed without cargo-mutants.

use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, ExprBinary, ExprUnary, ImplItemFn, ItemFn, ItemImpl, UnOp};

#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: String,
    /// The operators, in their order.
    pub(super) comparisons: Vec<String>,
}

/// Every function of a crate of this workspace, those of traits excepted.
pub(super) fn functions(package: &str) -> Vec<Function> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut found = Found::default();
    for path in sources(&crates.join(package).join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        found.visit_file(&syn::parse_file(&text).unwrap());
    }
    found.functions
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|ext| ext == "rs"))
        .collect()
}

#[derive(Default)]
struct Found {
    /// `Type` or `<impl Trait for Type>`, inside of one.
    of: Option<String>,
    functions: Vec<Function>,
}

impl Found {
    fn enter(&mut self, name: &syn::Ident) {
        self.functions.push(Function {
            name: match &self.of {
                Some(of) => format!("{of}::{name}"),
                None => name.to_string(),
            },
            comparisons: Vec::new(),
        });
    }

    fn compares(&mut self, operator: impl ToTokens) {
        if let Some(function) = self.functions.last_mut() {
            function.comparisons.push(text(operator));
        }
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let this = text(&item.self_ty);
        let of = match &item.trait_ {
            Some((_, name, _)) => format!("<impl {} for {this}>", text(name)),
            None => this,
        };
        let outer = self.of.replace(of);
        visit::visit_item_impl(self, item);
        self.of = outer;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.enter(&item.sig.ident);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.enter(&item.sig.ident);
        visit::visit_item_fn(self, item);
    }

    fn visit_expr_binary(&mut self, expr: &'ast ExprBinary) {
        use BinOp::{And, Eq, Ge, Gt, Le, Lt, Ne, Or};
        let op = &expr.op;
        if matches!(
            op,
            And(_) | Eq(_) | Ge(_) | Gt(_) | Le(_) | Lt(_) | Ne(_) | Or(_)
        ) {
            self.compares(op);
        }
        visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_unary(&mut self, expr: &'ast ExprUnary) {
        // `!` of a number is no condition, but nothing here tells which it is; the algebra has none.
        if matches!(expr.op, UnOp::Not(_)) && !matches!(*expr.expr, Expr::Lit(_)) {
            self.compares(&expr.op);
        }
        visit::visit_expr_unary(self, expr);
    }
}

/// Without the spaces that tokens are printed with.
fn text(tokens: impl ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(' ', "")
}
