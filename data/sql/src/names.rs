//! What values in a result and relations are called.

use sqlparser::ast::{
    Expr, Ident, ObjectName, OrderBy, OrderByKind, Select, SelectItem, TableFactor,
};

/// Calls a value without a name by its text, as in `max(price)`: the engine would call it by the column in it, `price`, and could not
/// tell it from `min(price)`. Where the order is by a value that is selected, it is by that name.
pub(crate) fn by_text(select: &mut Select, order_by: &mut Option<OrderBy>) {
    let mut named = Vec::new();
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) = item {
            if matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
                continue;
            }
            let alias = Ident::with_quote('"', expr.to_string());
            let expr = expr.clone();
            *item = SelectItem::ExprWithAlias { expr, alias };
        }
        if let SelectItem::ExprWithAlias { expr, alias } = item {
            named.push((expr.clone(), alias.clone()));
        }
    }
    let Some(OrderByKind::Expressions(order)) = order_by.as_mut().map(|order| &mut order.kind)
    else {
        return;
    };
    for by in order {
        if let Some((_, alias)) = named.iter().find(|(expr, _)| *expr == by.expr) {
            by.expr = Expr::Identifier(alias.clone());
        }
    }
}

/// What a relation is called: its alias, or its own name.
pub(crate) fn alias_of(factor: &TableFactor) -> Option<Ident> {
    match factor {
        TableFactor::Table { name, alias, .. } => match alias {
            Some(alias) => Some(alias.name.clone()),
            None => single(name).cloned(),
        },
        TableFactor::Derived { alias, .. } => alias.as_ref().map(|alias| alias.name.clone()),
        _ => None,
    }
}

/// A name of one word.
pub(crate) fn single(name: &ObjectName) -> Option<&Ident> {
    match name.0.as_slice() {
        [part] => part.as_ident(),
        _ => None,
    }
}
