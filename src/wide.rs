//! [`wide`]: functions compiled for each width of registers that a machine may have, one of which is chosen when they
//! run. No sum changes its order by that, so every machine computes the same.

/// Functions whose loops run in the widest registers that this machine has. What they call has to be
/// `#[inline(always)]`, or stays narrow: so do closures and function items that are handed over, which is why this
/// is a macro (docs/decisions/0050).
macro_rules! wide {
    ($($(#[$said:meta])* fn $name:ident<$life:lifetime>($($of:ident: $type:ty),* $(,)?) $(-> $gives:ty)? $work:block)*) => {$(
        $(#[$said])*
        fn $name<$life>($($of: $type),*) $(-> $gives)? {
            struct Wide<$life> {
                $($of: $type),*
            }
            impl<$life> rten_simd::SimdOp for Wide<$life> {
                type Output = wide!(@ $($gives)?);

                #[inline(always)]
                fn eval<I: rten_simd::Isa>(self, _: I) -> Self::Output {
                    let Self { $($of),* } = self;
                    $work
                }
            }
            rten_simd::SimdOp::dispatch(Wide { $($of),* })
        }
    )*};
    (@) => { () };
    (@ $gives:ty) => { $gives };
}

pub(crate) use wide;
