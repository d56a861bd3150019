// A bank in C++: one actor sends, one asks, and main calls from outside.
#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <troupe/troupe.hpp>

struct Deposit {
    std::int64_t amount;
};

struct Balance {
    std::int64_t sum;
};

struct Account {
    troupe_ref ref;
};

struct Audit {
};

TROUPE_CPP_STRUCT(Deposit);
TROUPE_CPP_STRUCT(Balance);
TROUPE_CPP_STRUCT(Account);
TROUPE_CPP_STRUCT(Audit);

// Keeps a sum; what it is sent or asked is added to it.
class AccountActor
{
  public:
    troupe_status receive(troupe_ctx *ctx, const troupe_msg *msg)
    {
        if (const auto *deposit = troupe::match<Deposit>(msg)) {
            if (deposit->amount < 0)
                throw std::invalid_argument("a deposit is not negative");
            sum_ += deposit->amount;
            return troupe::reply(ctx, Balance{sum_});
        }
        return TROUPE_UNHANDLED;
    }

  private:
    std::int64_t sum_ = 0;
};

// Sends some deposits, asks for the balance, and passes it on to whoever asked for the audit.
class AuditorActor
{
  public:
    AuditorActor(troupe_ctx *, const troupe_msg *args) : account_(troupe::match<Account>(args)->ref)
    {
    }

    troupe_status receive(troupe_ctx *ctx, const troupe_msg *msg)
    {
        if (!troupe::match<Audit>(msg))
            return TROUPE_UNHANDLED;
        for (std::int64_t amount : {1, 2, 3, 4})
            if (troupe_status status = troupe::send(ctx, account_, Deposit{amount}))
                return status;
        if (troupe_status status = troupe_token_take(ctx, &asked_))
            return status;
        return troupe::ask(ctx, account_, 1000, Deposit{0},
                           [this](troupe_ctx *then, const troupe_outcome &outcome) {
                               return on_balance(then, outcome);
                           });
    }

  private:
    troupe_status on_balance(troupe_ctx *ctx, const troupe_outcome &outcome)
    {
        if (outcome.status != TROUPE_OK)
            return troupe_fail(ctx, outcome.status, "no balance");
        return troupe::reply_to(ctx, asked_, *troupe::match<Balance>(outcome.reply));
    }

    troupe_ref account_;
    troupe_token asked_{};
};

static const troupe_behavior account_behavior = troupe::behavior<AccountActor>("account");
static const troupe_behavior auditor_behavior = troupe::behavior<AuditorActor>("auditor");

static troupe_status run(troupe_ctx *ctx)
{
    troupe_ref account;
    troupe_ref auditor;
    if (troupe_status status = troupe_spawn(ctx, &account_behavior, nullptr, &account))
        return status;
    if (troupe_status status =
            troupe::spawn(ctx, auditor_behavior, nullptr, &auditor, Account{account}))
        return status;

    troupe::message answer;
    if (troupe_status status = troupe::call(ctx, auditor, 1000, Audit{}, answer))
        return status;
    std::cout << "balance: " << troupe::match<Balance>(answer.get())->sum << '\n';

    troupe_status status = troupe::call(ctx, account, 1000, Deposit{-1}, answer);
    std::cout << "negative: " << troupe_status_name(status) << ", " << troupe_error_text(ctx)
              << '\n';
    return status == TROUPE_EDOWN ? TROUPE_OK : status;
}

int main()
{
    troupe_system *system = nullptr;
    if (troupe_status status = troupe_system_start(nullptr, &system)) {
        std::cerr << "cpp_ask: " << troupe_error_text(nullptr) << '\n';
        return status == TROUPE_EINVAL ? 2 : 1;
    }
    troupe_status status = run(troupe_outside(system));
    if (status != TROUPE_OK)
        std::cerr << "cpp_ask: " << troupe_status_text(status) << '\n';
    (void)troupe_system_stop(system, 0, nullptr);
    return status == TROUPE_OK ? 0 : 1;
}
